"""Training items of extractive question answering: gold tokens and signals in the tokens of every window."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from framework.data.example import Example
from framework.data.windows import Windows
from framework.signals.reading import CharacterMap, WindowMass, map_characters, read_window
from framework.tasks.base import SignalSource
from framework.training.items import ReadSignals, TrainingItems


def span_items(
    examples: Sequence[Example],
    windows: Windows,
    pad_id: int,
    signals: SignalSource | None,
    temperatures: Sequence[float],
) -> tuple[TrainingItems, Mapping[str, float]]:
    """Items of all windows, and `moved_mass`: the share of the teachers' mass (T = 1) that no student token covered."""
    positions = np.full((len(windows), 2), -1, np.int32)
    read: dict[float, list[tuple[WindowMass, WindowMass]]] = {temperature: [] for temperature in temperatures}
    places: list[NDArray[np.int32]] = []
    moved = []
    bounds = windows.of_examples(len(examples))
    for number, example in enumerate(examples):
        signal = signals.signal(example) if signals is not None and temperatures else None
        for row in range(bounds[number], bounds[number + 1]):
            tokens = windows.slice_of(row)
            support = np.flatnonzero(windows.support[tokens])
            reach = (int(windows.reach[row, 0]), int(windows.reach[row, 1]))
            characters = map_characters(len(example.context), windows.spans[tokens][support], reach)
            token_of = np.append(support, windows.null[row]).astype(np.int32)
            positions[row] = _gold(example, characters, len(support), token_of)
            if signal is None:
                continue
            places.append(token_of)
            for temperature in temperatures:
                read[temperature].append(read_window(signal, characters, len(support), temperature))
            native = read_window(signal, characters, len(support), 1.0)
            moved.append(sum(side.moved for side in native) / 2)
    read_signals = {temperature: _columns(masses, places) for temperature, masses in read.items() if masses}
    figures = {"moved_mass": float(np.mean(moved))} if moved else {}
    return TrainingItems(windows, positions, read_signals, pad_id), figures


def _gold(example: Example, characters: CharacterMap, count: int, token_of: NDArray[np.int32]) -> tuple[int, int]:
    """The gold start and end token: "no answer here" in a window that does not show all of it, -1 if unlabelled."""
    null = int(token_of[count])
    if example.answers is None:
        return -1, -1
    if not example.answers:
        return null, null
    answer = example.answers[0]
    start = int(characters.start[answer.start])
    # An answer of one character that no token covers, halfway between two, would start after its end.
    end = max(start, int(characters.end[answer.start + len(answer.text) - 1]))
    return (null, null) if count in (start, end) else (int(token_of[start]), int(token_of[end]))


def _columns(masses: list[tuple[WindowMass, WindowMass]], places: list[NDArray[np.int32]]) -> ReadSignals:
    """Masses of all windows as columns, filled up to the longest with mass 0 on the null position."""
    width = max(len(side.places) for sides in masses for side in sides)
    columns = ReadSignals(
        places=np.zeros((len(masses), 2, width), np.int32),
        mass=np.zeros((len(masses), 2, width), np.float32),
        tail=np.zeros((len(masses), 2), np.float32),
    )
    for row, (sides, token_of) in enumerate(zip(masses, places, strict=True)):
        columns.places[row] = token_of[-1]
        for head, side in enumerate(sides):
            columns.places[row, head, : len(side.places)] = token_of[side.places]
            columns.mass[row, head, : len(side.places)] = side.mass
            columns.tail[row, head] = side.tail
    return columns
