"""How long one question takes, asked alone."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np

from framework.data.example import Example


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
    if not examples:
        raise ValueError("there is no question to time; expected at least one example")
    with _torch_threads(threads):
        for example in islice(cycle(examples), warmup):
            answer(example)
        milliseconds = [_time(answer, example) for example in examples]
    median, p95 = np.percentile(milliseconds, [50, 95]).tolist()
    return Latency(median, p95, len(examples), threads)


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


@contextmanager
def _torch_threads(count: int) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
