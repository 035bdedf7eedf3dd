"""Collecting a teacher's signals into a folder, shard by shard; a stopped collection goes on where it was."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from framework.data.example import Example
from framework.progress import Progress
from framework.signals.section import Signals
from framework.signals.shards import SignalReader, as_stored, bytes_on_disk, row_key, write_shard
from framework.signals.span import SpanSignal

Opinions = Callable[[Sequence[Example]], list[SpanSignal]]


class SignalWriter:
    """Adds signals to a folder. They are on disk once a shard of them is full, or at the latest after `flush`."""

    def __init__(self, folder: Path, settings: Signals) -> None:
        """Go on in `folder`. Raises StoreError if a shard in it is damaged."""
        self.stored = SignalReader(folder)
        self._settings = settings
        self._waiting: dict[tuple[int, int], tuple[Example, SpanSignal]] = {}

    def __contains__(self, example: Example) -> bool:
        return example in self.stored or row_key(example) in self._waiting

    def add(self, examples: Sequence[Example], signals: Sequence[SpanSignal]) -> None:
        """Take in signals about examples that are not there yet."""
        for example, signal in zip(examples, signals, strict=True):
            self._waiting[row_key(example)] = (example, signal)
        while len(self._waiting) >= self._settings.shard_size:
            self._write(self._settings.shard_size)

    def signal(self, example: Example) -> SpanSignal:
        """The signal about `example` as it is stored, or will be. Raises StoreError if there is none."""
        waiting = self._waiting.get(row_key(example))
        return self.stored.signal(example) if waiting is None else as_stored(waiting[1], self._settings.top_k)

    def flush(self) -> None:
        """Write what is still waiting."""
        if self._waiting:
            self._write(len(self._waiting))

    def _write(self, count: int) -> None:
        keys = list(self._waiting)[:count]
        rows = [self._waiting[key] for key in keys]
        number = len(list(self.stored.folder.glob("shard-*.arrow")))
        examples, signals = [example for example, _ in rows], [signal for _, signal in rows]
        self.stored.open(write_shard(self.stored.folder, number, examples, signals, self._settings.top_k))
        for key in keys:
            del self._waiting[key]


def collect(
    folder: Path, examples: Sequence[Example], opinions: Opinions, settings: Signals, progress: Progress, title: str
) -> dict[str, float]:
    """Write the signals of all examples that are not in `folder` yet; `opinions` runs the teacher on some of them.

    Returns figures on the store; null_mass is the mean probability of "no answer here".
    """
    writer = SignalWriter(folder, settings)
    missing = [example for example in examples if example not in writer]
    with progress.task(title, len(examples)) as bar:
        bar.advance(len(examples) - len(missing))
        for begin in range(0, len(missing), settings.shard_size):
            part = missing[begin : begin + settings.shard_size]
            writer.add(part, opinions(part))
            writer.flush()
            bar.advance(len(part))
    nulls = [writer.stored.signal(example) for example in examples]
    return {
        "examples": len(examples),
        "bytes_per_example": bytes_on_disk(folder) / len(examples),
        "null_mass": float(np.mean([(np.exp(one.start.null) + np.exp(one.end.null)) / 2 for one in nulls])),
    }
