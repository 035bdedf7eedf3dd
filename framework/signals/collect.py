"""Collecting a teacher's signals into a folder, shard by shard; a stopped collection goes on where it was."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from distil.framework.data.example import Example
from distil.framework.pipeline import ahead, behind
from distil.framework.progress import Progress
from distil.framework.segments import Floats, Ints, totals
from distil.framework.signals.algebra import NULL, Signals, from_parts
from distil.framework.signals.section import SignalSettings
from distil.framework.signals.shards import Keyed, SignalReader, as_stored, bytes_on_disk, row_key, write_shard
from distil.framework.signals.silence import silent
from distil.framework.signals.source import TeacherSignals, in_chunks
from distil.framework.signals.steps import Steps
from distil.framework.tasks.base import Own


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
    open_teacher: Callable[[], Steps],
    settings: SignalSettings,
    progress: Progress,
    title: str,
    proposals: Sequence[TeacherSignals] = (),
    known: Sequence[SignalReader] = (),
) -> dict[str, float]:
    """Write the signals of all examples that are not in `folder` yet; a teacher that has nothing to say is not opened.

    While its model is at a shard, the next one is prepared and the last one written. What ends it before its time loses at most
    these: the shard that the model is at, and the one that is being written. proposals: of the teachers that it is shown; known: what it
    has said before, of the same texts among others. Returns figures on the store; known: of how many examples it was not asked again, if any; null_mass is the mean probability of NULL, such as "no answer here"; left_out: of how many
    examples the teacher says nothing, if there are any.
    """
    writer = SignalWriter(folder, settings)
    copied = sum(_copied(writer, examples, one) for one in known)
    missing = [example for example in longest_first(examples) if example not in writer]
    with progress.task(title, len(examples)) as bar:
        bar.advance(len(examples) - len(missing))
        if missing:
            for count in _collected(writer, missing, open_teacher(), settings.shard_size, proposals):
                bar.advance(count)
    nulls, nothing = [], 0
    for part in in_chunks(examples):
        signals = writer.stored.signals(part)
        nulls.append(_null_mass(signals))
        nothing += int(silent(signals).sum())
    return {
        "examples": len(examples),
        "bytes_per_example": bytes_on_disk(folder) / len(examples),
        "null_mass": float(np.concatenate(nulls).mean()),
        **({"left_out": nothing} if nothing else {}),
        **({"known": copied} if copied else {}),
    }


def _copied(writer: SignalWriter, examples: Sequence[Example], known: SignalReader) -> int:
    """Write what is known of the examples that are not there yet; of how many it is."""
    found = {row_key(one): one for one in examples if one in known and one not in writer}
    if found:
        writer.add(list(found.values()), known.signals(list(found.values())))
        writer.flush()
    return len(found)


def _collected(
    writer: SignalWriter, examples: Sequence[Example], teacher: Steps, size: int, proposals: Sequence[TeacherSignals]
) -> Iterator[int]:
    """Ask about the examples, `size` at a time; how many were written, each time."""

    def prepared() -> Iterator[tuple[Sequence[Example], Own]]:
        for part in in_chunks(examples, size):
            yield part, teacher.prepare(part, [of_teacher.signals(part) for of_teacher in proposals])

    def write(said: tuple[Sequence[Example], Own]) -> int:
        part, of_part = said
        writer.add(part, teacher.signals_of(of_part))
        writer.flush()
        return len(part)

    with closing(ahead(prepared())) as coming:
        yield from behind(((part, teacher.run(own)) for part, own in coming), write)


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
