"""Several splits' signals as one."""

from collections.abc import Sequence

import pytest

from distil.framework.errors import StoreError
from distil.framework.signals.algebra import Signals
from distil.framework.signals.concatenated import ConcatSignals
from distil.framework.tasks.span_qa.data import QAExample
from tests.framework.signals.made_up import signals_of

A, B, C, D = (QAExample(id, "В Туле.", "Где?", None) for id in "abcd")


class Part:
    """Signals that bear a number, and what was heard."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.heard: list[list[str]] = []

    def prefetch(self, batches: Sequence[Sequence[QAExample]]) -> None:
        self.heard = [[example.id for example in batch] for batch in batches]

    def signals(self, examples: Sequence[QAExample]) -> Signals:
        return signals_of(*[[(10 * self.number + ord(example.id) - ord("a"), 0.0)] for example in examples], heads=1)


def test_each_question_goes_to_its_part_and_one_that_both_know_to_the_first() -> None:
    first, second = Part(0), Part(1)
    joined = ConcatSignals([([A, B], first), ([B, C], second)])
    assert joined.signals([C, A, B]).keys.tolist() == [12, 0, 1]
    joined.prefetch([[A, C], [C], [B]])
    # Every part hears of every batch, so that it knows how far the student is.
    assert first.heard == [["a"], [], ["b"]]
    assert second.heard == [["c"], ["c"], []]


def test_a_label_makes_no_other_question_and_another_text_does() -> None:
    joined = ConcatSignals([([A], Part(0))])
    assert joined.signals([QAExample("a", "В Туле.", "Где?", ())]).keys.tolist() == [0]
    for unknown in (D, QAExample("a", "В Омске.", "Где?", None)):
        with pytest.raises(StoreError, match=f"no teacher was asked about question '{unknown.id}'"):
            joined.signals([A, unknown])
