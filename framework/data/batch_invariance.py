"""Batches in which everything comes out as it would alone, bit for bit (see docs/signals.md)."""

from collections.abc import Iterator
from math import gcd

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]

# Found on CPUs with AVX2 and with AVX-512; both hold on either.
_ROWS = 4  # matrix products on a CPU go through so many rows at a time, and compute those left over another way
_FEWEST = 16  # and products of fewer rows are another kernel's


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
