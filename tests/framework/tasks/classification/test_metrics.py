"""Metrics are the libraries', and those of resamples too."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    matthews_corrcoef,
    mean_squared_error,
)

from distil.framework.metrics import middle, resampled_metrics
from distil.framework.tasks.classification.metrics import (
    multi_label,
    multi_label_resampled,
    regression,
    regression_resampled,
    single_label,
    single_label_resampled,
)

_seeds = st.integers(0, 2**32 - 1)
pytestmark = pytest.mark.filterwarnings("ignore")  # the libraries warn of labels that do not occur


def single_by_scikit_learn(gold: np.ndarray, chosen: np.ndarray) -> dict[str, float]:
    return {
        "accuracy": 100 * accuracy_score(gold, chosen),
        "macro_f1": 100 * f1_score(gold, chosen, average="macro", zero_division=0.0),
        "mcc": matthews_corrcoef(gold, chosen),
    }


def several_by_scikit_learn(gold: np.ndarray, chosen: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    there = gold.any(0)
    return {
        "micro_f1": 100 * f1_score(gold, chosen, average="micro", zero_division=0.0),
        "macro_f1": 100 * f1_score(gold, chosen, average="macro", zero_division=0.0),
        "map": 100 * average_precision_score(gold[:, there], scores[:, there]) if there.any() else 0.0,
    }


def numbers_by_the_libraries(gold: np.ndarray, values: np.ndarray) -> dict[str, float]:
    constant = np.ptp(gold) == 0 or np.ptp(values) == 0
    return {
        "pearson": 0.0 if constant else pearsonr(gold, values).statistic,
        "spearman": 0.0 if constant else spearmanr(gold, values).statistic,
        "mse": mean_squared_error(gold, values),
    }


@settings(max_examples=20, deadline=None)
@given(seed=_seeds, count=st.integers(1, 30), labels=st.integers(2, 6))
def test_single_label_metrics_of_resamples_are_those_of_scikit_learn(seed: int, count: int, labels: int) -> None:
    random = np.random.default_rng(seed)
    gold, chosen = random.integers(0, labels, (2, count))
    drawn = random.integers(0, count, (4, count))
    found = single_label_resampled(gold, chosen, labels, drawn)
    for number, rows in enumerate(drawn):
        expected = single_by_scikit_learn(gold[rows], chosen[rows])
        assert {name: values[number] for name, values in found.items()} == pytest.approx(expected)


def test_single_label_metrics_are_those_of_scikit_learn() -> None:
    gold, chosen = np.asarray([0, 0, 1, 2, 2, 1]), np.asarray([0, 1, 1, 2, 0, 1])
    found = single_label(gold, chosen, 4)
    assert found["accuracy"] == pytest.approx(100 * 4 / 6)
    assert found == pytest.approx(single_by_scikit_learn(gold, chosen))


@given(seed=_seeds, count=st.integers(1, 30), labels=st.integers(2, 6))
def test_accuracy_of_a_single_label_is_micro_f1(seed: int, count: int, labels: int) -> None:
    gold, chosen = np.random.default_rng(seed).integers(0, labels, (2, count))
    assert single_label(gold, chosen, labels)["accuracy"] == pytest.approx(
        100 * f1_score(gold, chosen, average="micro")
    )


@settings(max_examples=20, deadline=None)
@given(seed=_seeds, count=st.integers(1, 25), labels=st.integers(2, 5), levels=st.integers(1, 8))
def test_multi_label_metrics_of_resamples_are_those_of_scikit_learn(
    seed: int, count: int, labels: int, levels: int
) -> None:
    """Few levels make for equal scores, which share a threshold."""
    random = np.random.default_rng(seed)
    gold, chosen = random.random((2, count, labels)) < 0.4
    scores = random.integers(0, levels, (count, labels)).astype(float)
    drawn = random.integers(0, count, (4, count))
    found = multi_label_resampled(gold, chosen, scores, drawn)
    for number, rows in enumerate(drawn):
        expected = several_by_scikit_learn(gold[rows], chosen[rows], scores[rows])
        assert {name: values[number] for name, values in found.items()} == pytest.approx(expected)


def test_multi_label_metrics_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(1)
    gold, scores = random.random((40, 3)) < 0.4, random.random((40, 3))
    assert multi_label(gold, scores > 0.5, scores) == pytest.approx(several_by_scikit_learn(gold, scores > 0.5, scores))
    gold[:, 2] = False  # a label that nothing has
    found = multi_label(gold, scores > 0.5, scores)
    assert found == pytest.approx(several_by_scikit_learn(gold, scores > 0.5, scores))
    assert found["map"] == pytest.approx(100 * average_precision_score(gold[:, :2], scores[:, :2]))


@settings(max_examples=20, deadline=None)
@given(seed=_seeds, count=st.integers(2, 25), levels=st.integers(1, 12))
def test_regression_metrics_of_resamples_are_those_of_the_libraries(seed: int, count: int, levels: int) -> None:
    random = np.random.default_rng(seed)
    gold = random.integers(0, levels, count).astype(float)
    values = gold + random.integers(-2, 3, count)
    drawn = random.integers(0, count, (4, count))
    found = regression_resampled(gold, values, drawn)
    for number, rows in enumerate(drawn):
        expected = numbers_by_the_libraries(gold[rows], values[rows])
        assert {name: values[number] for name, values in found.items()} == pytest.approx(expected, abs=1e-9)


def test_regression_metrics_are_those_of_the_libraries() -> None:
    random = np.random.default_rng(2)
    gold = random.normal(size=50)
    values = gold**3 + random.normal(size=50)
    assert regression(gold, values) == pytest.approx(numbers_by_the_libraries(gold, values))
    small = regression(1e-8 * gold, 1e-8 * values)  # numbers may be of any unit
    assert small["pearson"] == pytest.approx(pearsonr(gold, values).statistic)
    assert regression(gold, np.zeros(50))["pearson"] == 0.0


def test_intervals_do_not_depend_on_how_many_resamples_are_held_at_once() -> None:
    gold, chosen = np.random.default_rng(3).integers(0, 3, (2, 200))

    def resampled(drawn: np.ndarray) -> dict[str, np.ndarray]:
        return dict(single_label_resampled(gold, chosen, 3, drawn))

    few = resampled_metrics(resampled, 200, 1 << 18, 300, seed=5)
    many = resampled_metrics(resampled, 200, 3, 300, seed=5)
    assert all(np.array_equal(few[name], many[name]) for name in ("accuracy", "macro_f1", "mcc"))
    low, high = middle(many["accuracy"])
    assert low < single_label(gold, chosen, 3)["accuracy"] < high
    assert high - low == pytest.approx(2 * 1.96 * 100 * np.sqrt(1 / 3 * 2 / 3 / 200), rel=0.15)
