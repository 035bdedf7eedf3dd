"""The micro-batches of a worker, which a thread makes and brings to the device while those before are computed with."""

from collections import deque
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from framework.data.batches import Rows, epoch_batches, epoch_steps, micro_batches
from framework.training.job import TrainingJob

if TYPE_CHECKING:
    import torch

_AHEAD = 2  # micro-batches: one that is ready, and one that is being made
_Value = TypeVar("_Value")


@dataclass(frozen=True)
class MicroBatch:
    """What a worker computes with at once. rows: those of its items that count; size: items of the whole batch, of all workers;
    values: what the objective made of them, on the device."""

    rows: Rows
    size: int
    values: Any


def batches_from(
    step: int, job: TrainingJob, rank: int, world_size: int, accumulation: int, device: "torch.device"
) -> Iterator[MicroBatch]:
    """From optimizer step `step` to the end, `accumulation` micro-batches a step."""
    import torch

    objective, size = job.objective, job.training.batch_size
    lengths = objective.lengths
    while step < job.steps:
        epoch, done = divmod(step, epoch_steps(len(lengths), size))
        batches = epoch_batches(lengths, size, job.seed, epoch)[done : done + job.steps - step]
        parts = [list(micro_batches(batch, rank, world_size, accumulation)) for batch in batches]
        objective.prefetch([rows for part in parts for rows, _ in part])
        for batch, part in zip(batches, parts, strict=True):
            for rows, counts in part:
                with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
                    values = on_device(objective.batch(rows, counts, step), device)
                yield MicroBatch(rows if counts else rows[:0], len(batch), values)
            step += 1


def ahead(values: Iterator[_Value]) -> Generator[_Value]:
    """The values, none of them None, in their order, from a thread that is a few ahead. Raises, in its turn, what making one raises."""
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches")
    coming = deque(thread.submit(next, values, None) for _ in range(_AHEAD))
    try:
        while (value := coming.popleft().result()) is not None:
            coming.append(thread.submit(next, values, None))
            yield value
    finally:
        thread.shutdown(wait=False, cancel_futures=True)


def on_device(value: object, device: "torch.device") -> object:
    """A value with every tensor in it (in fields of dataclasses, in mappings) on `device`; a GPU fetches them while it computes."""
    import torch

    if isinstance(value, torch.Tensor):
        return (value.pin_memory() if device.type == "cuda" else value).to(device, non_blocking=True)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: on_device(getattr(value, field.name), device) for field in fields(value)})
    if isinstance(value, Mapping):
        return {name: on_device(inner, device) for name, inner in value.items()}
    return value
