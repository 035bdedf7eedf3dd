"""How long one question takes, asked alone: of several models, which take turns, so that what else the machine does in the meantime
slows all of them alike."""

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import TypeVar

import numpy as np

from distil.framework.data.example import Example
from distil.framework.device import cpu_threads, free_memory

WARM_UP = 5  # questions answered before any counts
_TURN = 5  # questions that a model answers in a row
_RELOADED = 2  # turns of models that have to be opened for each

_Name = TypeVar("_Name", bound=Hashable)
Ask = Callable[[Example], object]


@dataclass(frozen=True, slots=True)
class Latency:
    """Wall-clock time of a question in milliseconds: median, quartiles and 95th percentile, and on how many CPU threads."""

    median_ms: float
    q1_ms: float
    q3_ms: float
    p95_ms: float
    questions: int
    threads: int


def measure_side_by_side(
    opening: Mapping[_Name, Callable[[], Ask]],
    examples: Sequence[Example],
    warmup: int = WARM_UP,
    threads: int = 1,
    keep: bool = True,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[_Name, Latency]:
    """Time what each of `opening` gives on every example, one at a time.

    In each round all models, in an order drawn anew, answer the same few examples, after one that does not count: the
    round's first, or `warmup` ones for a model that has just been opened. keep: whether models stay open from round to round;
    otherwise there are two rounds, and one model is open at a time. clock: in seconds.

    PyTorch computes with `threads` CPU threads meanwhile and has its own number back afterwards, whatever
    happens. Work queued on a GPU is waited for inside the measured time.

    Raises ValueError when there is no example, and whatever opening or asking raises.
    """
    if not examples:
        raise ValueError("there is no question to time; expected at least one example")
    turn = _TURN if keep else -(-len(examples) // _RELOADED)
    names, opened, draw = list(opening), dict[_Name, Ask](), np.random.default_rng(0)
    seconds: dict[_Name, list[float]] = {name: [] for name in names}
    with cpu_threads(threads):
        for begin in range(0, len(examples), turn):
            asked = examples[begin : begin + turn]
            for place in draw.permutation(len(names)).tolist():
                name = names[place]
                cold = name not in opened
                ask = opening[name]() if cold else opened[name]
                for example in islice(cycle(asked), warmup if cold else 1):
                    ask(example)
                seconds[name] += [_time(ask, example, clock) for example in asked]
                if keep:
                    opened[name] = ask
                else:
                    del ask
                    free_memory()
    return {name: _latency(found, threads) for name, found in seconds.items()}


def questions_alone(examples: int) -> int:
    """How many questions a model is asked that is timed on so many examples and stays open."""
    turns = -(-examples // _TURN)
    return examples + turns + (WARM_UP - 1 if turns else 0)


def _latency(seconds: Sequence[float], threads: int) -> Latency:
    q1, median, q3, p95 = np.percentile(1000.0 * np.asarray(seconds), [25, 50, 75, 95]).tolist()
    return Latency(median, q1, q3, p95, len(seconds), threads)


def _time(ask: Ask, example: Example, clock: Callable[[], float]) -> float:
    _wait_for_gpu()
    begin = clock()
    ask(example)
    _wait_for_gpu()
    return clock() - begin


def _wait_for_gpu() -> None:
    import torch

    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.synchronize()
