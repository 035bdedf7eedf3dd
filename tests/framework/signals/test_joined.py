"""Several splits' signals as one."""

from collections.abc import Sequence

import numpy as np
import pytest

from framework.errors import StoreError
from framework.signals.joined import JoinedSignals
from framework.signals.span import Side, SpanSignal
from framework.tasks.span_qa.example import QAExample

A, B, C, D = (QAExample(id, "В Туле.", "Где?", None) for id in "abcd")


class Part:
    """Signals that bear a number, and what was announced."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.announced: list[list[str]] = []

    def announce(self, batches: Sequence[Sequence[QAExample]]) -> None:
        self.announced = [[example.id for example in batch] for batch in batches]

    def signal(self, example: QAExample) -> SpanSignal:
        side = Side(np.asarray([self.number]), np.zeros(1), -np.inf)
        return SpanSignal(side, side)


def test_each_question_goes_to_its_part_and_one_that_both_know_to_the_first() -> None:
    first, second = Part(0), Part(1)
    joined = JoinedSignals([([A, B], first), ([B, C], second)])
    assert [int(joined.signal(example).start.chars[0]) for example in (A, B, C)] == [0, 0, 1]
    joined.announce([[A, C], [C], [B]])
    # Every part hears of every batch, so that it knows how far the student is.
    assert first.announced == [["a"], [], ["b"]]
    assert second.announced == [["c"], ["c"], []]


def test_a_label_makes_no_other_question_and_another_text_does() -> None:
    joined = JoinedSignals([([A], Part(0))])
    assert joined.signal(QAExample("a", "В Туле.", "Где?", ())).start.chars[0] == 0
    for unknown in (D, QAExample("a", "В Омске.", "Где?", None)):
        with pytest.raises(StoreError, match=f"no teacher was asked about question '{unknown.id}'"):
            joined.signal(unknown)
