import pytest

from framework.metrics import Metric, metrics_in_words, primary_of

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
