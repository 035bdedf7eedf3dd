"""Writing and reading signals of spans as docs/signals.md words it: character by character and token by token."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from distil.framework.signals.algebra import NULL, Signals
from distil.framework.tasks.span_qa.data import QAExample
from distil.framework.tasks.span_qa.windows import Windows
from tests.framework.signals.made_up import entries


def written(windows: Windows, logits: list[Any], number: int, head: int) -> dict[int, float]:
    """Masses by character, and of NULL, of one example's start (head 0) or end (head 1)."""
    masses, nulls = [], []
    for row in np.flatnonzero(windows.example == number):
        tokens = windows.slice_of(int(row))
        support, null = np.flatnonzero(windows.support[tokens]), int(windows.null[row])
        values = logits[row][head].astype(np.float64)
        powers = np.exp(values - values.max())
        total = powers[support].sum() + powers[null]
        nulls.append(powers[null] / total)
        for place in support[windows.best[tokens][support]]:
            begin, end = windows.spans[tokens][place].tolist()
            masses.append((begin if head == 0 else end - 1, powers[place] / total))
    whole = sum(mass for _, mass in masses) + min(nulls)
    result = {NULL: min(nulls) / whole}
    for char, mass in masses:
        result[char] = result.get(char, 0.0) + mass / whole
    return result


def taking_token(spans: NDArray[np.int32], reach: tuple[int, int], char: int, head: int) -> tuple[int | None, bool]:
    """Which of a window's tokens takes the start or end mass on a character (None: "no answer here"), and whether the mass
    had to move there."""

    def covering(place: int) -> int | None:
        found = [number for number, (begin, end) in enumerate(spans.tolist()) if begin <= place < end]
        if head == 0:
            return max(found, key=lambda number: (spans[number, 0], -number), default=None)
        return min(found, key=lambda number: (spans[number, 1], -number), default=None)

    own = covering(char)
    if own is not None or not reach[0] <= char < reach[1] or not len(spans):
        return own, False
    covered = [place for begin, end in spans.tolist() for place in range(begin, end)]
    # Halfway between two, a start moves forward and an end backward.
    nearest = min(covered, key=lambda place: (abs(place - char), -place if head == 0 else place))
    return covering(nearest), True


def read(
    windows: Windows, row: int, example: QAExample, signals: Signals, number: int, head: int
) -> tuple[NDArray[Any], float]:
    """Masses on the tokens of a window [tokens], and the mass that moved; `number`: which of the signals is the example's."""
    tokens = windows.slice_of(row)
    support, null = np.flatnonzero(windows.support[tokens]), int(windows.null[row])
    spans = windows.spans[tokens][support]
    reach = (int(windows.reach[row, 0]), int(windows.reach[row, 1]))
    result, moved, named = np.zeros(len(windows.input_ids[tokens])), 0.0, set()
    for key, mass in entries(signals, 2 * number + head):
        token, has_moved = (None, False) if key == NULL else taking_token(spans, reach, key, head)
        result[null if token is None else support[token]] += mass
        named |= {token}
        moved += mass * has_moved
    tail = float(np.exp(signals.tail[2 * number + head]))
    free = [support[place] for place in range(len(support)) if place not in named]
    inside = tail * (reach[1] - reach[0]) / len(example.context) if free else 0.0
    result[null] += tail - inside
    for place in free:
        result[place] += inside / len(free)
    return result, moved
