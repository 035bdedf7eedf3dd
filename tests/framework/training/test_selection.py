"""What measurements decide, and how it is said."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distil.framework.metrics import Metric
from distil.framework.training.selection import Selection, Standing, in_words

F1, ERROR = Metric("f1", "F1"), Metric("mse", "MSE", percent=False, higher_is_better=False)
VALUES = st.lists(st.one_of(st.integers(0, 5).map(float), st.just(math.nan)), max_size=12)


@given(VALUES, st.sampled_from([F1, ERROR]))
def test_the_first_of_the_best_stands_and_what_is_no_number_never_does(values: list[float], metric: Metric) -> None:
    standing = Standing()
    for step, value in enumerate(values, 1):
        standing = standing.after(step, value, metric)
    numbers = [value for value in values if not math.isnan(value)]
    if not numbers:
        assert standing == Standing(since=len(values))
        return
    best = (max if metric.higher_is_better else min)(numbers)
    assert (standing.step, standing.value) == (values.index(best) + 1, best)
    assert standing.since == len(values) - values.index(best) - 1
    assert Standing(**standing.as_plain()) == standing


@given(VALUES, st.integers(1, 4))
def test_patience_ends_after_so_many_in_a_row_without_anything_better(values: list[float], patience: int) -> None:
    selection, standing, ended = Selection(F1, best=False, patience=patience), Standing(), None
    for step, value in enumerate(values, 1):
        standing = standing.after(step, value, F1)
        if selection.ends(standing):
            ended = step
            break
    assert not Selection(F1, best=True, patience=None).ends(standing)
    if ended is not None:
        last, before = values[ended - patience : ended], values[: ended - patience]
        numbers = [value for value in before if not math.isnan(value)]
        assert not any(value > max(numbers, default=-math.inf) for value in last)


@pytest.mark.parametrize(
    ("best", "patience", "steps", "standing", "expected"),
    [
        (True, 2, 6, Standing(4, 71.25, 2), "of the weights, those of step 4 are kept, the best by F1 on `held` (71.2); training ended after step 6 of 9, as 2 measurements in a row brought nothing better."),
        (True, None, 9, Standing(9, 0.0), "of the weights, those of step 9 are kept, the best by F1 on `held` (0.0); training took all of its 9 steps."),
        (False, 1, 6, Standing(4, 71.25, 1), "the last weights are kept, those of step 6; the best by F1 on `held` (71.2) were those of step 4; training ended after step 6 of 9, as 1 measurement brought nothing better."),
        (True, None, 9, Standing(since=3), "the last weights are kept, those of step 9; training took all of its 9 steps."),
    ],
)  # fmt: skip
def test_it_is_said_which_weights_are_kept_and_why_training_ended(
    best: bool, patience: int | None, steps: int, standing: Standing, expected: str
) -> None:
    selection = Selection(F1, best, patience)
    training: dict[str, Any] = {"steps": steps, "selection": selection.facts(standing, steps, 9)}
    said = in_words("student", training, {"validation": "held", "patience": patience}, F1)
    assert said == f"student: {expected}"
