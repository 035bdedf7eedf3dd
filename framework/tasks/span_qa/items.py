"""What students of questions are trained on: windows with gold positions and signals, and the targets of a batch."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from distil.framework.losses.base import Rows
from distil.framework.segments import Ints, owners
from distil.framework.signals.algebra import Signals, concat, from_parts, temper
from distil.framework.signals.source import SignalSource, TeacherSignals
from distil.framework.tasks.span_qa.data import QAExample
from distil.framework.tasks.span_qa.read import WindowTokens, moved_shares, read_spans
from distil.framework.tasks.span_qa.windows import Windows
from distil.framework.training.items import EagerSignals, WindowSignals, batch_length, token_places

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class HeadTargets:
    """Targets of every head (start and end: H = 2) of a batch of B windows, padded to L tokens.

    mask: bool [B, L]; position: int64 [B, H]; weight: float32 [B], 0 for a row that only fills up a batch;
    signals: for each temperature float32 [B, H, L].
    """

    mask: "Tensor"
    position: "Tensor"
    weight: "Tensor"
    signals: Mapping[float, "Tensor"]

    def rows(self, logits: "Tensor") -> Rows:
        """See Targets: each head of a window is a row, and a window's loss is the mean over its heads."""
        import torch

        batch, heads, length = logits.shape
        mask = self.mask.repeat_interleave(heads, dim=0)
        return Rows(
            logits=logits.float().reshape(batch * heads, length).masked_fill(~mask, -1e30),
            mask=mask,
            label=self.position.reshape(batch * heads),
            weight=self.weight.repeat_interleave(heads) / heads,
            item=torch.arange(batch, device=logits.device).repeat_interleave(heads),
            items=batch,
            signals={temperature: signal.flatten(0, 1) for temperature, signal in self.signals.items()},
        )


@dataclass(frozen=True)
class TrainingItems:
    """See Items: N windows with their targets. positions: int32 [N, H], gold tokens, -1 where there is no label."""

    features: Windows
    positions: NDArray[np.int32]
    signals: WindowSignals | None
    pad_id: int

    def with_signals(self, signals: WindowSignals | None) -> "TrainingItems":
        """See SignalItems."""
        return replace(self, signals=signals)

    def prefetch(self, batches: Sequence[NDArray[np.int64]]) -> None:
        """See Items."""
        if self.signals is not None:
            self.signals.prefetch(batches)

    def targets(self, rows: NDArray[np.int64], counts: bool, choice: int) -> HeadTargets:
        """See Items."""
        import torch

        windows = self.features
        lengths = windows.lengths[rows]
        inside = np.arange(batch_length(windows, rows)) < lengths[:, None]
        support = windows.support[token_places(windows, rows, inside)] & inside
        mask = support.copy()
        mask[np.arange(len(rows)), windows.null[rows]] = True
        signals = self.signals.read(rows, choice) if self.signals is not None else {}
        return HeadTargets(
            mask=torch.from_numpy(mask),
            position=torch.from_numpy(self.positions[rows].astype(np.int64)),
            weight=torch.full((len(rows),), float(counts)),
            signals={temperature: _dense(found, support) for temperature, found in signals.items()},
        )


def _dense(signals: Signals, support: NDArray[np.bool_]) -> "Tensor":
    """Probabilities float32 [B, H, L], where every window has the same number of heads."""
    import torch

    heads, length = len(signals.rows) - 1, support.shape[1]
    cells = owners(signals.rows) * length + signals.keys
    mass = np.bincount(cells, np.exp(signals.log_p.astype(np.float64)), heads * length).reshape(heads, length)
    named = np.zeros(heads * length, bool)
    named[cells] = True
    free = np.repeat(support, heads // len(support), axis=0) & ~named.reshape(heads, length)
    each = np.exp(signals.tail.astype(np.float64)) / np.maximum(free.sum(-1), 1)
    mass += free * each[:, None]
    return torch.from_numpy(mass.astype(np.float32).reshape(len(support), -1, length))


_CHUNK = 1024  # windows that are read together


def span_items(
    examples: Sequence[QAExample],
    windows: Windows,
    pad_id: int,
    signals: SignalSource | None,
    temperatures: Sequence[float],
    eager: bool,
) -> TrainingItems:
    """Items of all windows, with signals at each temperature. `eager`: they are read now, else when needed."""
    positions: list[NDArray[np.int32]] = []
    read: list[Mapping[float, Sequence[Signals]]] = []
    for rows, tokens in _parts(examples, windows):
        positions.append(_gold(tokens, examples, windows.example[rows]))
        if signals is not None and temperatures and eager:
            read.append(_read(tokens, examples, windows.example[rows], signals, temperatures))
    found: WindowSignals | None = None
    if read:
        columns = {
            temperature: [concat(parts) for parts in zip(*(part[temperature] for part in read), strict=True)]
            for temperature in temperatures
        }
        found = EagerSignals(columns)
    elif signals is not None and temperatures:
        found = LazySignals(examples, windows, signals, tuple(temperatures))
    return TrainingItems(windows, np.concatenate(positions), found, pad_id)


def moved_mass(examples: Sequence[QAExample], windows: Windows, teacher: TeacherSignals) -> float:
    """The share of a teacher's mass (T = 1) that no token covers and that moves to the nearest."""
    moved = []
    for rows, tokens in _parts(examples, windows):
        asked, place = np.unique(windows.example[rows], return_inverse=True)
        found = temper(teacher.signals([examples[number] for number in asked]), 1.0)
        moved.append(moved_shares(tokens, found.take(place)))
    return float(np.concatenate(moved).mean())


def _parts(examples: Sequence[QAExample], windows: Windows) -> Iterator[tuple[Ints, WindowTokens]]:
    """All windows in parts that can be read together: their numbers and their tokens."""
    lengths = _lengths(examples)
    for begin in range(0, len(windows), _CHUNK):
        rows = np.arange(begin, min(begin + _CHUNK, len(windows)))
        yield rows, WindowTokens.of(windows, rows, lengths[windows.example[rows]])


def _lengths(examples: Sequence[QAExample]) -> Ints:
    return np.asarray([len(example.context) for example in examples], np.int64)


def _read(
    tokens: WindowTokens,
    examples: Sequence[QAExample],
    of_windows: NDArray[np.integer],
    source: SignalSource,
    temperatures: Sequence[float],
) -> Mapping[float, Sequence[Signals]]:
    """By temperature all alternatives, in the tokens of R windows that belong to the examples `of_windows` [R]."""
    asked, place = np.unique(of_windows, return_inverse=True)
    found = source.signals([examples[number] for number in asked], temperatures)
    return {
        temperature: [read_spans(tokens, signals.take(place)) for signals in alternatives]
        for temperature, alternatives in found.items()
    }


@dataclass(frozen=True)
class LazySignals:
    """Signals that are read when a batch asks for them, and kept for the next time."""

    examples: Sequence[QAExample]
    windows: Windows
    source: SignalSource
    temperatures: tuple[float, ...]
    _parts: list[Mapping[float, Sequence[Signals]]] = field(default_factory=list)  # as they were read
    _known: dict[int, tuple[int, int]] = field(default_factory=dict)  # of each window the part, and its place there

    def prefetch(self, batches: Sequence[NDArray[np.int64]]) -> None:
        """See WindowSignals."""
        self.source.prefetch(
            [[self._example(row) for row in rows.tolist() if row not in self._known] for rows in batches]
        )

    def read(self, rows: NDArray[np.int64], choice: int) -> Mapping[float, Signals]:
        """See WindowSignals."""
        missing = np.asarray([row for row in dict.fromkeys(rows.tolist()) if row not in self._known], np.int64)
        if len(missing):
            self._read(missing)
        places = np.asarray([self._known[row] for row in rows.tolist()], np.int64)

        def at(temperature: float) -> Signals:
            def of_part(part: int, chosen: Ints) -> Signals:
                alternatives = self._parts[part][temperature]
                return alternatives[choice % len(alternatives)].take(places[chosen, 1])

            return from_parts(places[:, 0], of_part)

        return {temperature: at(temperature) for temperature in self.temperatures}

    def _read(self, rows: Ints) -> None:
        of_windows = self.windows.example[rows]
        lengths = np.asarray([len(self.examples[number].context) for number in of_windows.tolist()], np.int64)
        tokens = WindowTokens.of(self.windows, rows, lengths)
        read = _read(tokens, self.examples, of_windows, self.source, self.temperatures)
        self._known.update((row, (len(self._parts), place)) for place, row in enumerate(rows.tolist()))
        self._parts.append(read)

    def _example(self, row: int) -> QAExample:
        return self.examples[int(self.windows.example[row])]


def _gold(tokens: WindowTokens, examples: Sequence[QAExample], of_windows: NDArray[np.integer]) -> NDArray[np.int32]:
    """The gold start and end token of each window: "no answer here" in one that does not show all of it, -1 if unlabelled.

    of_windows: of each window the number of its example. [R, 2]
    """
    labels = [examples[number].answers for number in of_windows.tolist()]
    found = [answers[0] if answers else None for answers in labels]
    start = np.asarray([0 if answer is None else answer.start for answer in found], np.int64)
    last = np.asarray([0 if answer is None else answer.start + len(answer.text) - 1 for answer in found], np.int64)
    window, null = np.arange(len(found)), tokens.null
    begin, end = (
        tokens.places(window, at, np.full(len(at), is_end))[0] for at, is_end in ((start, False), (last, True))
    )
    shown = (begin != null) & (end != null) & np.asarray([answer is not None for answer in found], bool)
    # An answer of one character that no token covers, halfway between two, would start after its end.
    positions = np.stack([np.where(shown, begin, null), np.where(shown, np.maximum(begin, end), null)], axis=1)
    positions[np.asarray([answers is None for answers in labels], bool)] = -1
    return positions.astype(np.int32)
