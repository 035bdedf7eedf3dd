"""What a training reports, and the history on disk that is made of it: a JSON object a line, kept in step with the checkpoints."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from framework.files import write_atomic


@dataclass(frozen=True)
class Report:
    """One row of the training history. kind: resume (rows from `step` on are void), step, epoch, or evaluation."""

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

    A training that goes on from the end of an epoch measures the model there once more.
    """
    try:
        values = json.loads(row)
        return bool(int(values["step"]) < step + (values["kind"] != "evaluation"))
    except (ValueError, KeyError, TypeError):
        return False
