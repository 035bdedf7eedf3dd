"""Reading a signal with a student's tokens: characters' mass goes to the tokens that cover them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from framework.signals.span import Floats, Side, SpanSignal, probabilities


@dataclass(frozen=True)
class CharacterMap:
    """For every character of a context the place among a window's C tokens that takes its mass.

    start, end: int64 [n], for start and end mass; C stands for "no answer here". moved: bool [n], characters inside
    the window's reach that no token covers and whose mass therefore moves to the nearest token.
    share: the part of the context's characters that lies within the window's reach.
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    moved: NDArray[np.bool_]
    share: float


def map_characters(length: int, spans: NDArray[np.int32], reach: tuple[int, int]) -> CharacterMap:
    """Map the characters of a context of `length` onto tokens that cover `spans` ([C, 2], none empty).

    Where tokens share a character, its start mass goes to the one that begins last, of several the first; its end mass to
    the one that ends first, of several the last; as the gold answer's does. Uncovered characters inside `reach` go to the
    nearest token, halfway to the following one for starts
    and to the preceding one for ends. All other characters go to "no answer here".
    """
    count = len(spans)
    start = np.full(length, count, np.int64)
    end = np.full(length, count, np.int64)
    if not count:
        return CharacterMap(start, end, np.zeros(length, bool), 0.0)
    numbers = np.arange(count)
    _assign(start, np.lexsort((-numbers, spans[:, 0])), spans)
    _assign(end, np.lexsort((numbers, -spans[:, 1])), spans)
    covered = start < count
    lo, hi = reach
    moved = ~covered
    moved[:lo] = False
    moved[hi:] = False
    if moved.any():
        _move(np.flatnonzero(moved), np.flatnonzero(covered), start, end)
    return CharacterMap(start, end, moved, (hi - lo) / length if length else 0.0)


def _assign(of_character: NDArray[np.int64], tokens: NDArray[np.int64], spans: NDArray[np.int32]) -> None:
    """Give each character to the last of the tokens that cover it, in the order given."""
    begins, widths = spans[tokens, 0], spans[tokens, 1] - spans[tokens, 0]
    within = np.arange(widths.sum()) - np.repeat(np.cumsum(widths) - widths, widths)
    of_character[within + np.repeat(begins, widths)] = np.repeat(tokens, widths)


def _move(
    chars: NDArray[np.int64], covered: NDArray[np.int64], start: NDArray[np.int64], end: NDArray[np.int64]
) -> None:
    """Give the uncovered `chars` the tokens of the nearest covered ones."""
    place = np.searchsorted(covered, chars)
    before = covered[np.maximum(place - 1, 0)]
    after = covered[np.minimum(place, len(covered) - 1)]
    to_before = np.where(place > 0, chars - before, np.iinfo(np.int64).max)
    to_after = np.where(place < len(covered), after - chars, np.iinfo(np.int64).max)
    start[chars] = start[np.where(to_after <= to_before, after, before)]
    end[chars] = end[np.where(to_before <= to_after, before, after)]


@dataclass(frozen=True)
class WindowMass:
    """One side of a signal in the tokens of one window. All masses together are 1.

    places: int64 [M], tokens of the support, C for "no answer here" (repeated places add up); mass: [M];
    tail: mass to be spread evenly over the tokens of the support that `places` does not name;
    moved: mass that no token covered and that went to the nearest.
    """

    places: NDArray[np.int64]
    mass: Floats
    tail: float
    moved: float


def read_window(signal: SpanSignal, characters: CharacterMap, count: int) -> tuple[WindowMass, WindowMass]:
    """The start and the end of `signal`, whose masses sum to 1, in a window of `count` tokens."""
    return (
        _read_side(signal.start, characters.start, characters, count),
        _read_side(signal.end, characters.end, characters, count),
    )


def _read_side(side: Side, places_of: NDArray[np.int64], characters: CharacterMap, count: int) -> WindowMass:
    mass, null, tail = probabilities(side)
    places = places_of[side.chars]
    # The tail lies somewhere in the context: within this window in proportion to what the window shows of it.
    inside = tail * characters.share if len(np.unique(places[places < count])) < count else 0.0
    return WindowMass(
        places=np.append(places, count),
        mass=np.append(mass, null + tail - inside),
        tail=inside,
        moved=float(mass[characters.moved[side.chars]].sum()),
    )


def dense(window: WindowMass, count: int) -> Floats:
    """Probabilities of the `count` tokens and, last, of "no answer here". [count + 1]"""
    result: Floats = np.bincount(window.places, window.mass, count + 1).astype(np.float64)
    if window.tail:
        named = np.zeros(count + 1, bool)
        named[window.places] = True
        result[~named] += window.tail / (~named).sum()
    return result
