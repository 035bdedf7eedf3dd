"""What a training reports: running means over all workers, and the history on disk, a JSON object a line, kept in step with
the checkpoints."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from distil.framework.device import default_device
from distil.framework.files import write_atomic

if TYPE_CHECKING:
    from torch import Tensor


EVALUATION, VALIDATION = (
    "evaluation",
    "validation",
)  # kinds of measurement: on evaluation.split, on a training's own `validation`


@dataclass(frozen=True)
class Report:
    """One row of the training history. kind: resume (rows from `step` on are void), step, epoch, or that of a measurement."""

    kind: str
    step: int
    epoch: float
    total_steps: int
    metrics: Mapping[str, float] = field(default_factory=dict)


ReportTo = Callable[[Report], None]


class History:
    """Appends reports to a file. A resumed training voids the rows after its checkpoint, and writes them again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None

    def add(self, report: Report) -> None:
        """Write one row, to be read at once by whoever follows the file."""
        if report.kind == "resume":
            self._rewind(report.step)
            return
        if self._file is None:
            self._file = self._path.open("a", encoding="utf-8")
        row = {"time": time.time(), "step": report.step, "epoch": report.epoch, "kind": report.kind}
        self._file.write(json.dumps({**row, "metrics": dict(report.metrics)}) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _rewind(self, step: int) -> None:
        self.close()
        rows = self._path.read_bytes().splitlines() if self._path.exists() else []
        kept = [row for row in rows if _stays(row, step)]
        write_atomic(self._path, b"".join(row + b"\n" for row in kept))


def _stays(row: bytes, step: int) -> bool:
    """Whether a row is older than a checkpoint of `step`; one cut short by a kill, or damaged, is void.

    A training that goes on from where the model was measured does that once more.
    """
    try:
        values = json.loads(row)
        return bool(int(values["step"]) < step + (values["kind"] in ("step", "epoch")))
    except (ValueError, KeyError, TypeError):
        return False


class Meter:
    """Sums losses on the device and brings them over only when they are read."""

    def __init__(self, terms: list[str]) -> None:
        self._names = ["loss", *(f"loss/{name}" for name in terms)]
        self._sums: Tensor | None = None
        self._epoch: NDArray[np.float64] = np.zeros(len(self._names) + 1)
        self._count = 0
        self._tokens = 0
        self._since = time.monotonic()

    def add(self, loss: "Tensor", terms: "dict[str, Tensor]", lengths: NDArray[np.int64]) -> None:
        """Note a micro-batch: its summed loss, its terms' sums, and the lengths of the items that count in it."""
        import torch

        values = torch.stack([loss, *terms.values()]).double()
        self._sums = values if self._sums is None else self._sums + values
        self._count += len(lengths)
        self._tokens += int(lengths.sum())

    def state(self) -> dict[str, Any]:
        """What a checkpoint has to hold so that means come out as if training had never stopped: tensors and plain data."""
        return {"sums": self._sums, "epoch": self._epoch.tolist(), "count": self._count, "tokens": self._tokens}

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint's state."""
        self._sums = None if state["sums"] is None else state["sums"].to(default_device())
        self._epoch = np.asarray(state["epoch"])
        self._count, self._tokens = state["count"], state["tokens"]

    def read(self) -> dict[str, float]:
        """Means since the last reading, over all workers, and windows and tokens a second. All workers call this."""
        import torch
        import torch.distributed as dist

        assert self._sums is not None, "nothing was noted"
        sums = torch.cat([self._sums, self._sums.new_tensor([self._count, self._tokens])])
        dist.all_reduce(sums)
        *losses, count, tokens = sums.cpu().numpy().tolist()
        self._epoch += np.asarray([*losses, count])
        seconds = max(time.monotonic() - self._since, 1e-9)
        self._sums, self._count, self._tokens, self._since = None, 0, 0, time.monotonic()
        return {
            **self._means(np.asarray([*losses, count])),
            "windows_per_second": count / seconds,
            "tokens_per_second": tokens / seconds,
        }

    def read_epoch(self) -> dict[str, float]:
        """Means of all readings since this was last called."""
        means = self._means(self._epoch)
        self._epoch = np.zeros_like(self._epoch)
        return means

    def _means(self, sums: NDArray[np.float64]) -> dict[str, float]:
        return dict(zip(self._names, (sums[:-1] / max(sums[-1], 1)).tolist(), strict=True))
