"""Which rows go through a model together: in training those of similar length, the same from the same seed, whatever the
number of workers; else those with which everything comes out as it would alone, bit for bit (see docs/signals.md)."""

from collections.abc import Iterator
from math import gcd

import numpy as np
from numpy.typing import NDArray

_POOL = 50  # batches whose windows are sorted together: enough for little padding, few enough to stay random

Rows = NDArray[np.int64]

# Found on CPUs with AVX2 and with AVX-512; both hold on either.
_ROWS = 4  # matrix products on a CPU go through so many rows at a time, and compute those left over another way
_FEWEST = 16  # and products of fewer rows are another kernel's


def epoch_batches(lengths: NDArray[np.int64], batch_size: int, seed: int, epoch: int) -> list[Rows]:
    """The batches of one epoch: numbers of windows, each exactly once; the last drawn batch may be smaller.

    Windows are shuffled, pooled, sorted by length within a pool and cut into batches, which are shuffled again.
    """
    random = np.random.default_rng([seed, epoch])
    order = random.permutation(len(lengths))
    batches: list[Rows] = []
    for begin in range(0, len(order), batch_size * _POOL):
        pool = order[begin : begin + batch_size * _POOL]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        batches.extend(pool[at : at + batch_size] for at in range(0, len(pool), batch_size))
    return [batches[number] for number in random.permutation(len(batches))]


def epoch_steps(count: int, batch_size: int) -> int:
    """Batches of an epoch of `count` windows."""
    return -(-count // batch_size)


def accumulation_steps(batch_size: int, micro_batch: int | None, workers: int) -> int:
    """Forward passes of each worker in one optimizer step."""
    a_worker = -(-batch_size // workers)
    return 1 if micro_batch is None else -(-a_worker // micro_batch)


def micro_batches(batch: Rows, rank: int, workers: int, steps: int) -> Iterator[tuple[Rows, bool]]:
    """The `steps` micro-batches of worker `rank`, and whether each one counts.

    Workers take turns in the batch, so that all get similar lengths. All workers have to take the same number of steps,
    so one whose share is used up repeats a window that does not count.
    """
    share = batch[rank::workers]
    for part in np.array_split(share, steps):
        yield (part, True) if len(part) else (batch[:1], False)


def in_batches(keys: NDArray[np.int64], batch_size: int) -> Iterator[Rows]:
    """All rows in batches of at most `batch_size` with the same key, the greatest first. keys: [N, K]."""
    for key in np.unique(keys, axis=0)[::-1]:
        alike = np.flatnonzero((keys == key).all(1))
        for at in range(0, len(alike), batch_size):
            yield alike[at : at + batch_size]


def rounded_up(lengths: NDArray[np.int64], step: int, longest: int) -> NDArray[np.int64]:
    """The next multiples of `step`, none above `longest`."""
    return np.minimum(-(-lengths // step) * step, longest)


def filled_up(rows: Rows, product_rows: int, batch_size: int, gpu: bool) -> Rows:
    """A batch with some of its rows again, so that no matrix product shows how many there were.

    On a GPU, where kernels are chosen by shape, there are always `batch_size`. On a CPU there are no rows left over if
    each one stands for `product_rows` rows of a matrix product.
    """
    if gpu:
        return np.resize(rows, batch_size)
    step = _ROWS // gcd(_ROWS, product_rows)
    wanted = max(len(rows), -(-_FEWEST // product_rows))
    return np.resize(rows, -(-wanted // step) * step)
