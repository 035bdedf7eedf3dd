"""Marks stand where their values are, and labels beside each other."""

import math
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distil.framework.language.words import ENGLISH, RUSSIAN
from distil.framework.tables import short_count
from distil.tracking.html.plot import WIDTH, Line, Mark, Plot, name_axis, number_axis

POINTS = st.lists(st.tuples(st.floats(1, 100), st.floats(0, 100)), min_size=1, max_size=8)


def plot_of(marks: list[Mark], lines: list[Line] | None = None) -> Plot:
    points = [(mark.x, mark.y) for mark in marks] + [point for line in lines or [] for point in line.points]
    x, y = (number_axis(name, [point[number] for point in points]) for number, name in enumerate("xy"))
    return Plot("key", "title", x, y, marks, lines or [])


@given(POINTS)
def test_labels_of_a_run_never_lie_on_each_other(points: list[tuple[float, float]]) -> None:
    marks = [Mark(f"student_from_{number}", "student", x, y) for number, (x, y) in enumerate(points)]
    labels = plot_of(marks).labels()
    assert sorted(label.text for label in labels) == sorted(mark.name for mark in marks)
    for label in labels:
        left, top, right, bottom = label.box
        assert 0 <= left < right <= WIDTH
        assert 0 <= top < bottom
    for one, other in combinations((label.box for label in labels), 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def test_labels_of_a_cluster_stand_in_its_order() -> None:
    names = ["first", "second", "third", "fourth"]
    marks = [Mark(name, "student", 1, 50 - number) for number, name in enumerate(names)]
    plot = plot_of([*marks, Mark("far", "student", 100, 0), Mark("high", "student", 100, 100)])
    labels = [label for label in plot.labels() if label.text in names]
    assert [label.text for label in sorted(labels, key=lambda label: label.top)] == names


def test_larger_values_stand_further_right_and_higher() -> None:
    plot = plot_of([Mark("a", "student", 1, 10), Mark("b", "student", 2, 20)])
    assert plot.left(1) < plot.left(2)
    assert plot.top(20) < plot.top(10)


def test_a_line_is_drawn_through_its_points_and_named_at_its_end() -> None:
    line = Line("student", "student", [(0, 1), (1, 3), (2, 2)])
    plot = plot_of([], [line])
    assert plot.path(line).split() == [f"{plot.left(x)},{plot.top(y)}" for x, y in line.points]
    (label,) = plot.labels()
    left, top, right, bottom = label.box
    ends = (line.points[1], line.points[2])
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):  # the label does not cover the line
        x, y = (share * one + (1 - share) * other for one, other in zip(*ends, strict=True))
        assert not (left < plot.left(x) < right and top < plot.top(y) < bottom)
    assert (label.text, label.mark_left, label.mark_top) == ("student", plot.left(2), plot.top(2))
    assert "student from 1 to 2" in plot.description(ENGLISH)


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


@given(st.lists(st.floats(1e3, 1e9), min_size=1, max_size=6))
def test_ticks_stand_apart_whatever_is_written_at_them(values: list[float]) -> None:
    x = number_axis("parameters", values, log=True, show=lambda value: short_count(round(value)))
    plot = Plot("key", "title", x, number_axis("y", [0, 1]))
    shown = plot.shown_ticks(RUSSIAN)
    assert shown
    for (left, text), (right, other) in pairwise(shown):
        assert plot.left(right) - plot.left(left) > 8 * (len(text) + len(other)) / 2
