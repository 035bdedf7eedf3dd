"""A model's `history.jsonl` as metrics, named as in MLflow."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracking.keys import legal_key


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a history: the metrics of a step, or of an epoch that ended with that step."""

    kind: str
    step: int
    epoch: float
    milliseconds: int
    metrics: dict[str, float]


def new_lines(path: Path, last_step: Mapping[str, int]) -> Iterator[Line]:
    """Lines of `path` behind the last step already sent of their kind, in the order of the file.

    A run that was killed and resumes takes its history back to the last checkpoint and writes the same steps
    again; going by steps and not by bytes, those are passed over. A line that is still being written, or that
    a crash cut short, is passed over too.
    """
    if not path.exists():
        return
    reached = dict(last_step)
    for text in path.read_bytes().splitlines(keepends=True):
        line = _parse(text) if text.endswith(b"\n") else None
        if line is not None and line.step > reached.get(line.kind, -1):
            reached[line.kind] = line.step
            yield line


def _parse(text: bytes) -> Line | None:
    try:
        record: Any = json.loads(text)
        kind, step, epoch = str(record["kind"]), int(record["step"]), float(record["epoch"])
        time = float(record["time"])
        # An epoch's means have the same names as the last step's values, and the same step.
        prefix = "" if kind == "step" else f"{kind}/"
        metrics = {legal_key(prefix + name): float(value) for name, value in record["metrics"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return Line(kind, step, epoch, round(time * 1000), metrics)
