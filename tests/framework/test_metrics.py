import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distil.framework.metrics import Metric, interval, metrics_in_words, primary_of

ACCURACY, ERROR = Metric("accuracy", "accuracy"), Metric("mse", "MSE", percent=False, higher_is_better=False)
MATTHEWS = Metric("matthews", "Matthews", percent=False, primary=True)


def test_the_primary_one_is_named_or_the_first() -> None:
    assert primary_of([ACCURACY, MATTHEWS]) == MATTHEWS
    assert primary_of([ERROR, ACCURACY]) == ERROR


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [(ACCURACY, 61.25, "61.2"), (ERROR, 0.012345, "0.01235"), (ERROR, 1234.5, "1234"), (MATTHEWS, -0.5, "-0.5")],
    ids=str,
)
def test_percent_has_decimals_and_other_numbers_significant_digits(metric: Metric, value: float, text: str) -> None:
    assert metric.text(value) == text


def test_what_stands_beside_each_other_has_equally_many_decimals() -> None:
    assert MATTHEWS.beside([0.1, 0.25, -0.5]) == ["0.1000", "0.2500", "-0.5000"]
    assert ERROR.beside([1234.5, 0.25], signed=True) == ["+1234", "+0"]
    assert ERROR.beside([2.1, 0.98765, 0]) == ["2.100", "0.988", "0.000"]
    assert ERROR.beside([1e-7, 0.0]) == ["1e-07", "0"]
    assert ACCURACY.beside([61.25, 5], 2) == ["61.25", "5.00"]


def test_the_better_value_is_the_larger_gain() -> None:
    assert ACCURACY.gain(90.0) > ACCURACY.gain(80.0)
    assert ERROR.gain(0.1) > ERROR.gain(0.2)


def test_words_say_what_is_percent_and_which_way_is_better() -> None:
    assert metrics_in_words([ACCURACY, Metric("f1", "F1")]) == "accuracy and F1 in percent"
    assert metrics_in_words([ACCURACY, MATTHEWS, ERROR]) == "accuracy in percent, Matthews, MSE (lower is better)"
    assert metrics_in_words([ERROR]) == "MSE (lower is better)"
    assert [metric.axis(metric.label) for metric in (ACCURACY, MATTHEWS, ERROR)] == [
        "accuracy, %",
        "Matthews",
        "MSE (lower is better)",
    ]


def test_interval_of_a_proportion_is_close_to_the_normal_approximation() -> None:
    values = np.repeat([0.0, 1.0], [300, 700])
    low, high = interval(values)
    half = 1.96 * np.sqrt(0.7 * 0.3 / 1000)
    assert low == pytest.approx(0.7 - half, abs=0.004)
    assert high == pytest.approx(0.7 + half, abs=0.004)


def test_interval_holds_the_true_mean_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(7)
    hits = 0
    for seed in range(200):
        low, high = interval(generator.normal(size=100), seed=seed, resamples=300, level=0.9)
        hits += low <= 0.0 <= high
    assert 168 <= hits <= 192


def test_seed_decides() -> None:
    values = np.random.default_rng(0).random(50)
    assert interval(values, seed=3) == interval(values, seed=3)
    assert interval(values, seed=3) != interval(values, seed=4)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_interval_lies_within_the_values_and_narrows_with_the_level(values: list[float]) -> None:
    data = np.array(values)
    low, high = interval(data, resamples=50)
    assert data.min() - 1e-12 <= low <= high <= data.max() + 1e-12
    inner_low, inner_high = interval(data, resamples=50, level=0.5)
    assert low <= inner_low <= inner_high <= high


def test_senseless_requests_are_refused() -> None:
    with pytest.raises(ValueError, match="n of at least 1"):
        interval(np.array([]))
    with pytest.raises(ValueError, match="resamples is 0"):
        interval(np.ones(3), resamples=0)
    with pytest.raises(ValueError, match=r"level is 1\.0"):
        interval(np.ones(3), level=1.0)
