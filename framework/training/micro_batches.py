"""The micro-batches of a worker, as `ahead` (framework/pipeline.py) is to make them while those before are computed with."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from distil.framework.data.batches import Rows, epoch_batches, epoch_steps, micro_batches
from distil.framework.models.packing import with_places
from distil.framework.training.job import TrainingJob
from distil.framework.transfer import on_device

if TYPE_CHECKING:
    import torch


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
                made = objective.batch(rows, counts, step)
                if job.training.packing:
                    made = replace(made, inputs=with_places(made.inputs))
                with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
                    values = on_device(made, device)
                yield MicroBatch(rows if counts else rows[:0], len(batch), values)
            step += 1
