"""Training items of extractive question answering: gold tokens and signals in the tokens of every window."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from framework.data.windows import Windows
from framework.signals.reading import CharacterMap, WindowMass, map_characters, read_window
from framework.signals.source import SignalSource, TeacherSignals
from framework.signals.span import SpanSignal, temper
from framework.tasks.span_qa.example import QAExample
from framework.training.items import ReadSignals, SignalsAtHand, TrainingItems

_Sides = tuple[WindowMass, WindowMass]


def span_items(
    examples: Sequence[QAExample],
    windows: Windows,
    pad_id: int,
    signals: SignalSource | None,
    temperatures: Sequence[float],
    at_hand: bool,
) -> TrainingItems:
    """Items of all windows, with signals at each temperature: read now if they are `at_hand`, else when needed."""
    positions = np.full((len(windows), 2), -1, np.int32)
    read: list[_Read] = []
    bounds = windows.of_examples(len(examples))
    for number, example in enumerate(examples):
        said = _said(signals, example, temperatures) if signals is not None and at_hand else {}
        for row in range(bounds[number], bounds[number + 1]):
            window = _Window.of(windows, row, example)
            positions[row] = _gold(example, window)
            if said:
                read.append(_read(said, window))
    if signals is None or not temperatures:
        return TrainingItems(windows, positions, None, pad_id)
    if not at_hand:
        coming = SignalsAsTheyCome(examples, windows, signals, tuple(temperatures))
        return TrainingItems(windows, positions, coming, pad_id)
    alternatives = {t: range(len(sides)) for t, sides in read[0].sides.items()}
    columns = {t: [_columns(read, t, choice) for choice in choices] for t, choices in alternatives.items()}
    return TrainingItems(windows, positions, SignalsAtHand(columns), pad_id)


def moved_mass(examples: Sequence[QAExample], windows: Windows, teacher: TeacherSignals) -> float:
    """The share of a teacher's mass (T = 1) that no token covers and that moves to the nearest."""
    moved = np.zeros(len(windows))
    for row, number in enumerate(windows.example):
        window = _Window.of(windows, row, examples[number])
        sides = read_window(temper(teacher.signal(examples[number]), 1.0), window.characters, window.count)
        moved[row] = sum(side.moved for side in sides) / 2
    return float(moved.mean())


@dataclass(frozen=True)
class _Window:
    """A window as signals see it: `token_of` [C + 1] are the places of its support and, last, of "no answer here"."""

    characters: CharacterMap
    token_of: NDArray[np.int32]

    @property
    def count(self) -> int:
        return len(self.token_of) - 1

    @staticmethod
    def of(windows: Windows, row: int, example: QAExample) -> "_Window":
        tokens = windows.slice_of(row)
        support = np.flatnonzero(windows.support[tokens])
        reach = (int(windows.reach[row, 0]), int(windows.reach[row, 1]))
        characters = map_characters(len(example.context), windows.spans[tokens][support], reach)
        return _Window(characters, np.append(support, windows.null[row]).astype(np.int32))


@dataclass(frozen=True)
class _Read:
    """What a window is taught. token_of: as in _Window; sides: of every temperature all alternatives."""

    token_of: NDArray[np.int32]
    sides: Mapping[float, Sequence[_Sides]]


def _said(
    source: SignalSource, example: QAExample, temperatures: Sequence[float]
) -> Mapping[float, Sequence[SpanSignal]]:
    return {t: source.signals(example, t) for t in temperatures}


def _read(said: Mapping[float, Sequence[SpanSignal]], window: _Window) -> _Read:
    sides = {
        t: [read_window(signal, window.characters, window.count) for signal in alternatives]
        for t, alternatives in said.items()
    }
    return _Read(window.token_of, sides)


@dataclass(frozen=True)
class SignalsAsTheyCome:
    """Signals that are read when a batch asks for them, and kept for the next time."""

    examples: Sequence[QAExample]
    windows: Windows
    source: SignalSource
    temperatures: tuple[float, ...]
    _known: dict[int, _Read] = field(default_factory=dict)  # by window

    def announce(self, batches: Sequence[NDArray[np.int64]]) -> None:
        """See WindowSignals."""
        self.source.announce(
            [[self._example(int(row)) for row in rows if int(row) not in self._known] for rows in batches]
        )

    def read(self, rows: NDArray[np.int64], choice: int) -> Mapping[float, ReadSignals]:
        """See WindowSignals."""
        read = [self._of(int(row)) for row in rows]
        return {t: _columns(read, t, choice) for t in self.temperatures}

    def _of(self, row: int) -> _Read:
        if row not in self._known:
            example = self._example(row)
            said = _said(self.source, example, self.temperatures)
            self._known[row] = _read(said, _Window.of(self.windows, row, example))
        return self._known[row]

    def _example(self, row: int) -> QAExample:
        return self.examples[int(self.windows.example[row])]


def _gold(example: QAExample, window: _Window) -> tuple[int, int]:
    """The gold start and end token: "no answer here" in a window that does not show all of it, -1 if unlabelled."""
    count, token_of, characters = window.count, window.token_of, window.characters
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


def _columns(read: Sequence[_Read], temperature: float, choice: int) -> ReadSignals:
    """Signals of some windows as columns, filled up to the longest with mass 0 on the null position.

    choice: of A alternatives the one numbered so modulo A.
    """
    chosen = [of_window.sides[temperature] for of_window in read]
    masses = [alternatives[choice % len(alternatives)] for alternatives in chosen]
    width = max(len(side.places) for sides in masses for side in sides)
    result = ReadSignals(
        places=np.zeros((len(masses), 2, width), np.int32),
        mass=np.zeros((len(masses), 2, width), np.float32),
        tail=np.zeros((len(masses), 2), np.float32),
    )
    for row, (sides, token_of) in enumerate(zip(masses, (of_window.token_of for of_window in read), strict=True)):
        result.places[row] = token_of[-1]
        for head, side in enumerate(sides):
            result.places[row, head, : len(side.places)] = token_of[side.places]
            result.mass[row, head, : len(side.places)] = side.mass
            result.tail[row, head] = side.tail
    return result
