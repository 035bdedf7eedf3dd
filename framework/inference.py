"""Running a model over rows of tokens."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from framework.data.alike import filled_up, in_batches
from framework.data.features import Features
from framework.device import autocast, default_device
from framework.models.positions import most_tokens
from framework.progress import SILENT, Progress
from framework.training.items import model_inputs, to_device

if TYPE_CHECKING:
    from framework.tasks.base import Task

_STEP = 16  # windows are padded to a multiple of so many tokens


def all_logits(
    task: "Task",
    model: Any,
    features: Features,
    pad_id: int,
    batch_size: int,
    precision: str,
    progress: Progress = SILENT,
    description: str = "infer",
    filled: bool = True,
) -> list[NDArray[np.float32]]:
    """Logits of every row, each float32 [K, tokens of the row], or [K] of a row as a whole, in their order.

    They are the same, bit for bit, whatever other windows are asked about at the same time: the length to which a window
    is padded depends on the window alone, and batches are filled up, unless not `filled`, as is enough for one question asked alone.
    """
    results: list[NDArray[np.float32]] = [np.empty((0, 0), np.float32)] * len(features)
    with progress.task(description, len(features), "windows") as work:
        for rows, logits in _batches(task, model, features, pad_id, batch_size, precision, filled):
            for row, values in zip(rows, logits, strict=True):
                results[row] = values[:, : features.lengths[row]] if values.ndim > 1 else values
            work.advance(len(rows))
    return results


def _batches(
    task: "Task", model: Any, features: Features, pad_id: int, batch_size: int, precision: str, filled: bool
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    import torch

    device = default_device()
    model.to(device).eval()
    lengths = features.lengths
    wanted = -(-int(lengths.max(initial=1)) // _STEP) * _STEP
    padded = padded_lengths(lengths, most_tokens(task, model.config, wanted))
    # Transformers leaves out a mask that hides nothing, and attention is then computed another way.
    keys = np.stack([padded, padded == lengths], 1)
    with torch.inference_mode(), autocast(device, precision):
        for rows in in_batches(keys, batch_size):
            length = int(padded[rows[0]])
            asked = filled_up(rows, length, batch_size, gpu=device.type != "cpu") if filled else rows
            output = model(**to_device(model_inputs(features, asked, pad_id, length), device))
            yield rows, task.logits(output)[: len(rows)].float().cpu().numpy()


def padded_lengths(lengths: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """The lengths to which windows of these lengths are padded, for a model that reads `most` tokens."""
    return np.maximum(np.minimum(-(-lengths // _STEP) * _STEP, most), lengths)
