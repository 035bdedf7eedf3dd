"""Folds of questions."""

from collections import Counter

import pytest

from framework.data.folds import fold_of
from framework.tasks.span_qa.example import QAExample


def test_the_context_alone_decides_and_always_alike() -> None:
    one = QAExample("1", "Анна родилась в Туле.", "Где?", None)
    other = QAExample("2", "Анна родилась в Туле.", "Кто?", ())
    assert fold_of(one, 5) == fold_of(other, 5)
    # Pinned: the folds of signals that are stored must not move.
    contexts = ("Анна родилась в Туле.", "Пётр живёт в Омске.", "\ud800")
    assert [fold_of(QAExample("1", context, "?", None), 5) for context in contexts] == [3, 1, 4]


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_folds_are_about_as_large_as_each_other(folds: int) -> None:
    examples = [QAExample(str(number), f"Абзац {number}.", "?", None) for number in range(2000)]
    sizes = Counter(fold_of(example, folds) for example in examples)
    assert set(sizes) == set(range(folds))
    assert min(sizes.values()) > 0.8 * 2000 / folds
