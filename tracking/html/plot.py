"""The axes of plots: numbers, on a linear or logarithmic scale, or names."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from distil.framework.language.words import Words

_PADDING = 0.06  # of the values' range, at either end
_TICKS = 7  # at most


@dataclass(frozen=True)
class Axis:
    """An axis from `low` to `high`, with `ticks` as values and what is written at them. numbers: whether these are figures."""

    label: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    log: bool = False
    numbers: bool = True

    def share(self, value: float) -> float:
        """How far along the axis a value lies, from 0 to 1."""
        low, high, place = (math.log(one) if self.log else one for one in (self.low, self.high, value))
        return (place - low) / (high - low)


def number_axis(
    label: str,
    values: Sequence[float],
    log: bool = False,
    show: Callable[[float], str] = "{:g}".format,
    bounds: tuple[float, float] = (-math.inf, math.inf),
    whole: bool = False,
) -> Axis:
    """An axis on which all values (at least one; above 0 on a logarithmic one) have room, not beyond `bounds`.

    whole: values between whole numbers mean nothing.
    """
    scale, back = (math.log, math.exp) if log else (float, float)
    low, high = scale(min(values)), scale(max(values))
    room = _PADDING * (high - low) or (0.5 if log or whole else 0.05 * abs(high) or 0.5)
    first, last = max(bounds[0], back(low - room)), min(bounds[1], back(high + room))
    ticks = _ticks(first, last, log, whole)
    texts = [show(tick) for tick in ticks]
    if len(set(texts)) < len(texts):  # rounded to the same
        texts = [f"{tick:,.6g}" for tick in ticks]
    return Axis(label, first, last, tuple(zip(ticks, texts, strict=True)), log)


def name_axis(label: str, names: Sequence[str]) -> Axis:
    """An axis of names, of which the first lies at 0, the second at 1."""
    ticks = tuple((number, name) for number, name in enumerate(names))
    return Axis(label, -0.5, len(names) - 0.5, ticks, numbers=False)


def _ticks(low: float, high: float, log: bool, whole: bool) -> list[float]:
    from matplotlib.ticker import LogLocator, MaxNLocator

    linear = MaxNLocator(nbins=_TICKS - 1, steps=[1, 2, 2.5, 5, 10], integer=whole, min_n_ticks=1)
    # A narrow range has no power of ten; its ticks are then those of a linear scale.
    tried = [LogLocator(subs=subs) for subs in ((1, 2, 5), (1,))] if log else []
    for locator in (*tried, linear):
        inside = [float(tick) for tick in locator.tick_values(low, high) if low <= tick <= high]
        found = [tick for tick in inside if not whole or tick.is_integer()]
        if 2 <= len(found) <= _TICKS:
            break
    return found


WIDTH, HEIGHT = 480, 320
LEFT, RIGHT, TOP, BOTTOM = 74, 14, 12, 46  # margins, in the units of the drawing
_LETTER, _LINE = 6.4, 14  # what a letter of a label takes, and its line
_TICK_LETTER = 8.4  # what a letter at a tick takes, where they are largest
_GAP = 9  # between a mark and its label
_STEP = 7  # by which a label is moved
_PART = 10  # of a line, not to be covered by a label


@dataclass(frozen=True)
class Mark:
    """A point. kind: what it is drawn as, such as a model's role; interval: low and high end of y; labelled: by `name`."""

    name: str
    kind: str
    x: float
    y: float
    interval: tuple[float, float] | None = None
    labelled: bool = True


@dataclass(frozen=True)
class Line:
    """A line through its points, with its name at the end; an empty name is not written."""

    name: str
    kind: str
    points: list[tuple[float, float]]


@dataclass(frozen=True)
class Label:
    """A name beside its mark. left, top: of the text's base line; anchor: `start` or `end`."""

    text: str
    left: float
    top: float
    anchor: str
    mark_left: float
    mark_top: float

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom."""
        width = _LETTER * len(self.text)
        left = self.left if self.anchor == "start" else self.left - width
        return left, self.top - 0.8 * _LINE, left + width, self.top + 0.2 * _LINE


@dataclass(frozen=True)
class Plot:
    """A plot of marks and lines. key: unique on its page."""

    key: str
    title: str
    x: Axis
    y: Axis
    marks: list[Mark] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    width, height = WIDTH, HEIGHT
    inner = (LEFT, TOP, WIDTH - RIGHT, HEIGHT - BOTTOM)  # left, top, right and bottom edge of where marks stand

    def description(self, words: Words) -> str:
        """What it shows, in words."""

        def figure(value: float) -> str:
            return words.figures(f"{value:.4g}")

        shown = [
            words("at", name=mark.name, x=figure(mark.x), y=figure(mark.y)) for mark in self.marks if mark.labelled
        ]
        ends = [(line.name or self.title, line.points[0][1], line.points[-1][1]) for line in self.lines]
        shown += [words("line", name=name, first=figure(first), last=figure(last)) for name, first, last in ends]
        several = "; ".join(shown) or words("points", len(self.marks))
        return words("plot", y=self.y.label, x=self.x.label, shown=several)

    def shown_ticks(self, words: Words) -> list[tuple[float, str]]:
        """The ticks of x, with their texts: of numbers every second or third one, where all would lie on each other."""
        if not self.x.numbers:
            return list(self.x.ticks)
        ticks = [(tick, words.figures(text)) for tick, text in self.x.ticks]
        for step in range(1, len(ticks)):
            shown = ticks[::step]
            room = (
                self.left(right) - self.left(left) - _TICK_LETTER * (len(text) + len(next_text)) / 2
                for (left, text), (right, next_text) in pairwise(shown)
            )
            if min(room) >= _TICK_LETTER:
                return shown
        return ticks[:1]

    def left(self, x: float) -> float:
        """Where a value of x stands."""
        left, _, right, _ = self.inner
        return round(left + self.x.share(x) * (right - left), 1)

    def top(self, y: float) -> float:
        """Where a value of y stands."""
        _, top, _, bottom = self.inner
        return round(bottom - self.y.share(y) * (bottom - top), 1)

    def path(self, line: Line) -> str:
        """The points of a line as SVG's polyline takes them."""
        return " ".join(f"{self.left(x)},{self.top(y)}" for x, y in line.points)

    def labels(self) -> list[Label]:
        """The names of marks and lines, moved up or down where they would lie on each other or on a mark."""
        ends = [(line.name, *line.points[-1]) for line in self.lines]
        ends += [(mark.name, mark.x, mark.y) for mark in self.marks if mark.labelled]
        placed: list[Label] = []
        taken = [self._room(mark) for mark in self.marks]
        taken += [place for line in self.lines if line.name for place in self._way(line)]
        for name, x, y in sorted(ends, key=lambda one: -one[2]):
            tried = list(self._tries(name, self.left(x), self.top(y)))
            named = [label.box for label in placed]
            free = (label for label in tried if not any(_overlap(label.box, box) for box in taken))
            # Where nothing is free, on a mark or a line, but not on another name; where every place has a name, beside the mark.
            apart = (label for label in tried if not any(_overlap(label.box, box) for box in named))
            beside = Label(name, self.left(x) + _GAP, self.top(y) + 4, "start", self.left(x), self.top(y))
            label = next(free, next(apart, beside))
            placed.append(label)
            taken.append(label.box)
        return placed

    def _room(self, mark: Mark) -> tuple[float, float, float, float]:
        """What a mark takes with its interval."""
        low, high = mark.interval or (mark.y, mark.y)
        left = self.left(mark.x)
        return left - 5, self.top(max(high, mark.y)) - 5, left + 5, self.top(min(low, mark.y)) + 5

    def _way(self, line: Line) -> Iterator[tuple[float, float, float, float]]:
        """What a line takes, in short parts."""
        corners = [(self.left(x), self.top(y)) for x, y in line.points]
        for (left, top), (right, bottom) in pairwise(corners):
            parts = 1 + int(math.hypot(right - left, bottom - top) / _PART)
            for number in range(parts + 1):
                x, y = left + number / parts * (right - left), top + number / parts * (bottom - top)
                yield x - 2, y - 2, x + 2, y + 2

    def _tries(self, name: str, left: float, top: float) -> Iterator[Label]:
        first, upper, last, lower = self.inner
        beside = [("start", left + _GAP), ("end", left - _GAP)]
        sides = beside if left < (first + last) / 2 else beside[::-1]
        most = int((lower - upper) / _STEP)
        # Rather down than up: names are placed from the top, and those of a cluster should stand in its order.
        for steps in sorted(range(-most, most + 1), key=lambda number: max(number, -4 * number)):
            for anchor, side in sides:
                label = Label(name, side, top + 4 + steps * _STEP, anchor, left, top)
                if label.box[0] >= first and label.box[2] <= WIDTH and upper <= label.box[1] and label.box[3] <= lower:
                    yield label


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
