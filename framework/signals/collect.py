"""Collecting a teacher's signals into a folder, shard by shard; a stopped collection goes on where it was."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from framework.data.example import Example
from framework.progress import Progress
from framework.segments import Floats, Ints, totals
from framework.signals.algebra import NULL, Signals, from_parts
from framework.signals.section import SignalSettings
from framework.signals.shards import Keyed, SignalReader, as_stored, bytes_on_disk, row_key, write_shard
from framework.signals.source import in_chunks

PredictFn = Callable[[Sequence[Example]], Signals]


class SignalWriter:
    """Adds signals to a folder. They are on disk once a shard of them is full, or at the latest after `flush`."""

    def __init__(self, folder: Path, settings: SignalSettings) -> None:
        """Go on in `folder`. Raises StoreError if a shard in it is damaged."""
        self.stored = SignalReader(folder)
        self._settings = settings
        self._waiting = Keyed()

    def __contains__(self, example: Example) -> bool:
        key = row_key(example)
        return self.stored.has(key) or key in self._waiting.places

    def add(self, examples: Sequence[Example], signals: Signals) -> None:
        """Take in signals about examples that are not there yet."""
        self._waiting.add([row_key(example) for example in examples], as_stored(signals, self._settings.top_k))
        while len(self._waiting.places) >= self._settings.shard_size:
            self._write(self._settings.shard_size)

    def signals(self, examples: Sequence[Example]) -> Signals:
        """The signals about some examples as they are stored, or will be. Raises StoreError if there is none about one."""
        waits = np.asarray([row_key(example) in self._waiting.places for example in examples], np.int64)

        def ask(waiting: int, numbers: Ints) -> Signals:
            chosen = [examples[number] for number in numbers]
            return self._waiting.signals(list(map(row_key, chosen))) if waiting else self.stored.signals(chosen)

        return from_parts(waits, ask)

    def flush(self) -> None:
        """Write what is still waiting."""
        if self._waiting.places:
            self._write(len(self._waiting.places))

    def _write(self, count: int) -> None:
        waiting = list(self._waiting.places)
        written, left = waiting[:count], waiting[count:]
        number = len(list(self.stored.folder.glob("shard-*.arrow")))
        self.stored.open(write_shard(self.stored.folder, number, written, self._waiting.signals(written)))
        rest = Keyed()
        if left:
            rest.add(left, self._waiting.signals(left))
        self._waiting = rest


def collect(
    folder: Path,
    examples: Sequence[Example],
    predict_fn: PredictFn,
    settings: SignalSettings,
    progress: Progress,
    title: str,
) -> dict[str, float]:
    """Write the signals of all examples that are not in `folder` yet; `predict_fn` runs the teacher on some of them.

    Returns figures on the store; null_mass is the mean probability of NULL, such as "no answer here".
    """
    writer = SignalWriter(folder, settings)
    missing = [example for example in longest_first(examples) if example not in writer]
    with progress.task(title, len(examples)) as bar:
        bar.advance(len(examples) - len(missing))
        for begin in range(0, len(missing), settings.shard_size):
            part = missing[begin : begin + settings.shard_size]
            writer.add(part, predict_fn(part))
            writer.flush()
            bar.advance(len(part))
    nulls = [_null_mass(writer.stored.signals(part)) for part in in_chunks(examples)]
    return {
        "examples": len(examples),
        "bytes_per_example": bytes_on_disk(folder) / len(examples),
        "null_mass": float(np.concatenate(nulls).mean()),
    }


def longest_first(examples: Sequence[Example]) -> list[Example]:
    """The examples with the longest texts first, so that little fills up the rows of those that are asked together.

    Characters do: no tokenizer has to be waited for. Examples that share all texts but the last stay together, as these are
    tokenised once.
    """
    longest: dict[tuple[str, ...], int] = {}
    for example in examples:
        size = sum(map(len, example.texts))
        shared = tuple(example.texts[:-1])
        longest[shared] = max(size, longest.get(shared, 0))

    def place(example: Example) -> tuple[int, tuple[str, ...]]:
        shared = tuple(example.texts[:-1])
        return -(longest[shared] if shared else len(example.texts[-1])), shared

    return sorted(examples, key=place)


def _null_mass(signals: Signals) -> Floats:
    """The mean over each example's heads. [E]"""
    mass = np.where(signals.keys == NULL, np.exp(signals.log_p.astype(np.float64)), 0.0)
    return signals.head_means(totals(mass, signals.rows))
