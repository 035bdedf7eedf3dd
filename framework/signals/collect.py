"""Collecting a teacher's signals into a folder, shard by shard; a stopped collection goes on after its last shard."""

from collections.abc import Callable, Sequence
from pathlib import Path

from framework.data.example import Example
from framework.progress import Progress
from framework.signals.section import Signals
from framework.signals.shards import bytes_on_disk, write_shard
from framework.signals.span import SpanSignal

Opinions = Callable[[Sequence[Example]], list[SpanSignal]]


def collect(
    folder: Path, examples: Sequence[Example], opinions: Opinions, settings: Signals, progress: Progress, title: str
) -> dict[str, float]:
    """Write the signals of all examples; `opinions` runs the teacher on some of them. Returns figures on the store."""
    with progress.task(title, len(examples)) as bar:
        for number, begin in enumerate(range(0, len(examples), settings.shard_size)):
            part = examples[begin : begin + settings.shard_size]
            path = folder / f"shard-{number:05d}.arrow"
            if not path.exists():
                write_shard(path, part, opinions(part), settings.top_k)
            bar.advance(len(part))
    return {"examples": len(examples), "bytes_per_example": bytes_on_disk(folder) / len(examples)}
