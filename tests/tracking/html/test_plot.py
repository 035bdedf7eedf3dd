"""Marks stand where their values are, and labels beside each other."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from tracking.html.axis import number_axis
from tracking.html.plot import WIDTH, Line, Mark, Plot

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
    assert "student from 1 to 2" in plot.description
