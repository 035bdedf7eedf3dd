"""Running a model over windows."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from framework.data.batches import by_length
from framework.data.windows import Windows
from framework.device import autocast, default_device
from framework.progress import SILENT, Progress
from framework.training.items import model_inputs, to_device

if TYPE_CHECKING:
    from framework.tasks.base import Task


def all_logits(
    task: "Task",
    model: Any,
    windows: Windows,
    pad_id: int,
    batch_size: int,
    precision: str,
    progress: Progress = SILENT,
    description: str = "infer",
) -> list[NDArray[np.float32]]:
    """Logits of every window, each float32 [H, tokens of the window], in the windows' order."""
    results: list[NDArray[np.float32]] = [np.empty((0, 0), np.float32)] * len(windows)
    with progress.task(description, len(windows), "windows") as work:
        for rows, logits in _batches(task, model, windows, pad_id, batch_size, precision):
            for row, values in zip(rows, logits, strict=True):
                results[row] = values[:, : windows.lengths[row]]
            work.advance(len(rows))
    return results


def _batches(
    task: "Task", model: Any, windows: Windows, pad_id: int, batch_size: int, precision: str
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    import torch

    device = default_device()
    model.to(device).eval()
    with torch.inference_mode(), autocast(device, precision):
        for rows in by_length(windows.lengths, batch_size):
            output = model(**to_device(model_inputs(windows, rows, pad_id), device))
            yield rows, task.logits(output).float().cpu().numpy()
