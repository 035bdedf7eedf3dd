"""How long one question takes, asked alone."""

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import TypeVar

import numpy as np

from framework.data.example import Example
from framework.device import cpu_threads

_Name = TypeVar("_Name", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Latency:
    """Median and 95th percentile of the wall-clock time of a question, in milliseconds."""

    median_ms: float
    p95_ms: float
    questions: int
    threads: int


def measure_latency(
    answer: Callable[[Example], object], examples: Sequence[Example], warmup: int, threads: int = 1
) -> Latency:
    """Time `answer` on every example, one at a time, after `warmup` calls that do not count.

    PyTorch computes with `threads` CPU threads meanwhile and has its own number back afterwards, whatever
    happens. Work queued on a GPU is waited for inside the measured time.

    Raises ValueError when there is no example, and whatever `answer` raises.
    """
    return measure_side_by_side({"": answer}, examples, warmup, threads)[""]


def measure_side_by_side(
    answers: Mapping[_Name, Callable[[Example], object]], examples: Sequence[Example], warmup: int, threads: int = 1
) -> dict[_Name, Latency]:
    """Time each of `answers` as `measure_latency` does, in turn on every question: what else the machine does in the
    meantime slows all of them alike. Raises as `measure_latency` does."""
    if not examples:
        raise ValueError("there is no question to time; expected at least one example")
    milliseconds: dict[_Name, list[float]] = {name: [] for name in answers}
    with cpu_threads(threads):
        for answer in answers.values():
            for example in islice(cycle(examples), warmup):
                answer(example)
        for example in examples:
            for name, answer in answers.items():
                milliseconds[name].append(_time(answer, example))
    return {name: _latency(found, threads) for name, found in milliseconds.items()}


def _latency(milliseconds: list[float], threads: int) -> Latency:
    median, p95 = np.percentile(milliseconds, [50, 95]).tolist()
    return Latency(median, p95, len(milliseconds), threads)


def _time(answer: Callable[[Example], object], example: Example) -> float:
    _wait_for_gpu()
    begin = time.perf_counter()
    answer(example)
    _wait_for_gpu()
    return 1000.0 * (time.perf_counter() - begin)


def _wait_for_gpu() -> None:
    import torch

    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.synchronize()
