"""Figures on consecutive segments of a column. `rows` [H + 1]: segment h is rows[h] : rows[h + 1]; it may be empty.

What comes out for a segment depends, bit for bit, on nothing but that segment.
"""

from typing import TypeVar, overload

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_Scalar = TypeVar("_Scalar", bound=np.generic)


def bounds(sizes: NDArray[np.integer]) -> Ints:
    """The `rows` of segments of these sizes [H]. [H + 1]"""
    rows = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=rows[1:])
    return rows


def owners(rows: Ints) -> Ints:
    """The segment of every element. [N]"""
    return np.repeat(np.arange(len(rows) - 1), np.diff(rows))


def spread(values: NDArray[_Scalar], rows: Ints) -> NDArray[_Scalar]:
    """A value of each segment [H] for each of its elements. [N]"""
    return np.repeat(values, np.diff(rows))


@overload
def totals(values: NDArray[np.floating], rows: Ints) -> Floats: ...


@overload
def totals(values: NDArray[np.bool_] | NDArray[np.integer], rows: Ints) -> Ints: ...


def totals(values: NDArray[np.floating] | NDArray[np.bool_] | NDArray[np.integer], rows: Ints) -> Floats | Ints:
    """Sums, 0 of nothing. [H]"""
    if np.issubdtype(values.dtype, np.floating):
        return _reduced(np.add, values.astype(np.float64, copy=False), rows, 0)
    return _reduced(np.add, values.astype(np.int64, copy=False), rows, 0)


def maxima(values: NDArray[_Scalar], rows: Ints, empty: float = -np.inf) -> NDArray[_Scalar]:
    """The greatest values. [H]"""
    return _reduced(np.maximum, values, rows, empty)


def minima(values: NDArray[_Scalar], rows: Ints, empty: float = np.inf) -> NDArray[_Scalar]:
    """The least values. [H]"""
    return _reduced(np.minimum, values, rows, empty)


def taken(rows: Ints, segments: NDArray[np.integer]) -> tuple[Ints, Ints]:
    """The elements of some segments, in their order, and the `rows` of what is taken."""
    sizes = rows[segments + 1] - rows[segments]
    result = bounds(sizes)
    return np.arange(result[-1]) + np.repeat(rows[:-1][segments] - result[:-1], sizes), result


def softmax(values: Floats) -> Floats:
    """Over the last axis."""
    powers = np.exp(values - values.max(-1, keepdims=True))
    result: Floats = powers / powers.sum(-1, keepdims=True)
    return result


def _reduced(function: np.ufunc, values: NDArray[_Scalar], rows: Ints, empty: float) -> NDArray[_Scalar]:
    begins = rows[:-1]
    some = begins < rows[1:]
    if some.all():  # reduceat gives an empty segment the element that follows
        whole: NDArray[_Scalar] = function.reduceat(values, begins) if len(begins) else values[:0]
        return whole
    result: NDArray[_Scalar] = np.full(len(begins), empty, values.dtype)
    if some.any():
        result[some] = function.reduceat(values, begins[some])
    return result
