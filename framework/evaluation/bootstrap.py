"""How far scores could have come out otherwise with other questions of the same kind."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

_DRAWS_AT_ONCE = 1 << 21
_NUMBERS_AT_ONCE = 1 << 22  # of resamples

Rows = NDArray[np.int64]
_Floats = NDArray[np.float64]


def interval(
    values: NDArray[np.floating], seed: int = 0, resamples: int = 1000, level: float = 0.95
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean of `values` [n], in their unit (Efron 1979, The Jackknife).

    `resamples` times, n values are drawn with replacement and averaged; the interval holds the middle
    `level` of these means. The same seed gives the same interval.

    Raises ValueError when there are no values, or when `resamples` or `level` make no sense.
    """
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(f"values have shape {values.shape}; expected (n,) with n of at least 1")
    if resamples < 1 or not 0.0 < level < 1.0:
        raise ValueError(f"resamples is {resamples} and level {level}; expected at least 1 and inside (0, 1)")
    generator = np.random.default_rng(seed)
    rows = max(1, _DRAWS_AT_ONCE // len(values))
    means = np.empty(resamples)
    for begin in range(0, resamples, rows):
        end = min(begin + rows, resamples)
        drawn = generator.integers(0, len(values), size=(end - begin, len(values)))
        means[begin:end] = values[drawn].mean(axis=1, dtype=np.float64)
    outside = (1.0 - level) / 2.0
    low, high = np.quantile(means, [outside, 1.0 - outside]).tolist()
    return low, high


def intervals(
    resampled: Callable[[Rows], Mapping[str, _Floats]], count: int, width: int, resamples: int, seed: int
) -> dict[str, tuple[float, float]]:
    """95 % percentile bootstrap intervals (Efron 1979) of metrics of `count` examples.

    resampled: gives the metrics of resamples [R, count]; width: numbers that it holds for a row of one of these.
    """
    generator = np.random.default_rng(seed)
    rows = max(1, _NUMBERS_AT_ONCE // (count + width))
    parts = []
    for begin in range(0, resamples, rows):
        drawn = generator.integers(0, count, size=(min(rows, resamples - begin), count))
        parts.append(resampled(drawn))
    values = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return {name: tuple(np.quantile(found, [0.025, 0.975]).tolist()) for name, found in values.items()}


def counts(values: Rows, bins: int) -> _Floats:
    """How often each row of values [R, n] has each number below `bins`. [R, bins]"""
    shifted = values + bins * np.arange(len(values))[:, None]
    return np.bincount(shifted.ravel(), minlength=bins * len(values)).reshape(-1, bins).astype(np.float64)
