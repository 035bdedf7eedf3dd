"""Axes have room for their values, and ticks that people can read."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.html.axis import name_axis, number_axis

POSITIVE = st.floats(1e-6, 1e12)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8))
def test_every_value_lies_inside(values: list[float]) -> None:
    axis = number_axis("loss", values)
    assert all(-1e-9 <= axis.share(value) <= 1 + 1e-9 for value in values)
    shares = [axis.share(value) for value in sorted(values)]
    assert shares == sorted(shares)


@given(st.lists(POSITIVE, min_size=1, max_size=8))
def test_equal_ratios_are_equal_distances_on_a_logarithmic_axis(values: list[float]) -> None:
    axis = number_axis("parameters", values, log=True)
    assert axis.low > 0
    assert all(axis.low <= tick <= axis.high for tick, _ in axis.ticks)
    middle = math.sqrt(axis.low) * math.sqrt(axis.high)
    assert axis.share(middle) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("values", "log", "ticks"),
    [
        ([0, 97], False, ["0", "20", "40", "60", "80", "100"]),
        ([1e5, 9e8], True, ["100000", "1e+06", "1e+07", "1e+08", "1e+09"]),
        ([600, 900], True, ["600", "650", "700", "750", "800", "850", "900"]),
    ],
)
def test_ticks_are_round(values: list[float], log: bool, ticks: list[str]) -> None:
    assert [text for _, text in number_axis("x", values, log=log).ticks] == ticks


def test_ticks_that_would_read_alike_are_written_out() -> None:
    axis = number_axis("parameters", [17_000, 20_000], log=True, show=lambda count: f"{count / 1e3:.0f}K")
    assert [text for _, text in axis.ticks][:3] == ["17,000", "17,500", "18,000"]


def test_epochs_are_whole() -> None:
    assert [text for _, text in number_axis("epoch", [1, 2, 3], whole=True).ticks] == ["1", "2", "3"]
    assert [text for _, text in number_axis("epoch", [3], whole=True).ticks] == ["3"]


def test_an_axis_ends_at_its_bounds() -> None:
    axis = number_axis("EM, %", [0.0, 100.0], bounds=(0, 100))
    assert (axis.low, axis.high) == (0, 100)


def test_names_stand_in_the_middle_of_their_parts() -> None:
    axis = name_axis("rule", ["mean", "weighted"])
    assert [(axis.share(value), name) for value, name in axis.ticks] == [(0.25, "mean"), (0.75, "weighted")]
