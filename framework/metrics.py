"""The figures by which models are measured, as data, and how far they could have come out otherwise: what a task names here is all that
tables, searches and reports know."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distil.framework.language.words import ENGLISH, Words

_DRAWS_AT_ONCE = 1 << 21
_NUMBERS_AT_ONCE = 1 << 22  # of resamples
_LEAST, _MOST = 1e-4, 1e6  # what is written out, without powers of ten

Rows = NDArray[np.int64]
_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Metric:
    """A figure by which a task's models are measured.

    name: in results.json, in MLflow and as `search.metric`; label: in tables and reports; percent: from 0 to 100, and
    otherwise a plain number; primary: what a search goes by where it names none; optional: whether a model may have no value of it, as
    one that writes nothing has none of texts.
    """

    name: str
    label: str
    percent: bool = True
    higher_is_better: bool = True
    primary: bool = False
    optional: bool = False

    def text(self, value: float, digits: int = 1) -> str:
        """A value as people read it: percent with so many digits behind the point, other numbers with four significant ones."""
        return f"{value:.{digits}f}" if self.percent else f"{value:.4g}"

    def change(self, value: float, digits: int = 2) -> str:
        """A difference of two values as people read it, in `text`'s digits."""
        return f"{value:+.{digits}f}" if self.percent else f"{value:+.4g}"

    def beside(self, values: Sequence[float], digits: int = 1, signed: bool = False) -> list[str]:
        """Values that stand beside each other, such as a figure and the bounds of its interval, with equally many decimals: of other
        numbers than percent so many as give the largest four significant digits."""
        largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
        if self.percent or not _LEAST <= largest < _MOST:
            return [self.change(value, digits) if signed else self.text(value, digits) for value in values]
        decimals = max(0, 3 - math.floor(math.log10(largest)))
        return [f"{value:{'+' if signed else ''}.{decimals}f}" for value in values]

    def gain(self, value: float) -> float:
        """A number that is the larger, the better the value is."""
        return value if self.higher_is_better else -value

    def points(self, value: float) -> float:
        """A value in points: percent as they are, of other numbers, such as correlations, hundredths."""
        return value if self.percent else 100.0 * value

    def axis(self, called: str, words: Words = ENGLISH) -> str:
        """What stands at an axis or above a column of values, under what the metric is called there."""
        if self.percent:
            return words("percent", label=called)
        return called if self.higher_is_better else words("lower", label=called)


def primary_of(metrics: Sequence[Metric]) -> Metric:
    """The metric that counts where only one can: the first that says so, or else the first."""
    return next((metric for metric in metrics if metric.primary), metrics[0])


def points_of(
    name: str | None, metrics: Sequence[Metric], measured: Mapping[str, Mapping[str, float]]
) -> dict[str, float]:
    """The metric of this name of every model that has it, in points. measured: metrics by model and name. None: nothing."""
    metric = next((metric for metric in metrics if metric.name == name), None)
    if metric is None:
        return {}
    return {model: metric.points(found[metric.name]) for model, found in measured.items() if metric.name in found}


def metrics_in_words(metrics: Sequence[Metric], words: Words = ENGLISH) -> str:
    """What figures are in, for a sentence: `EM and F1 in percent`."""
    percent = words.listed([metric.label for metric in metrics if metric.percent])
    plain = [metric.axis(metric.label, words) for metric in metrics if not metric.percent]
    return ", ".join([*([words("in percent", labels=percent)] if percent else []), *plain])


def resampled_means(values: NDArray[np.floating], seed: int = 0, resamples: int = 1000) -> _Floats:
    """The mean of `values` [n] in every one of so many resamples, in their unit: [resamples].

    For each, n values are drawn with replacement. The same seed draws the same rows, whatever the values.

    Raises ValueError when there are no values or no resamples.
    """
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(f"values have shape {values.shape}; expected (n,) with n of at least 1")
    if resamples < 1:
        raise ValueError(f"resamples is {resamples}; expected at least 1")
    generator = np.random.default_rng(seed)
    rows = max(1, _DRAWS_AT_ONCE // len(values))
    means = np.empty(resamples)
    for begin in range(0, resamples, rows):
        end = min(begin + rows, resamples)
        drawn = generator.integers(0, len(values), size=(end - begin, len(values)))
        means[begin:end] = values[drawn].mean(axis=1, dtype=np.float64)
    return means


def resampled_metrics(
    resampled: Callable[[Rows], Mapping[str, _Floats]], count: int, width: int, resamples: int, seed: int
) -> dict[str, _Floats]:
    """Metrics of `count` examples in every one of so many resamples: [resamples] each. Rows are drawn as `resampled_means` draws them.

    resampled: gives the metrics of resamples [R, count]; width: numbers that it holds for a row of one of these.
    """
    generator = np.random.default_rng(seed)
    rows = max(1, _NUMBERS_AT_ONCE // (count + width))
    parts = []
    for begin in range(0, resamples, rows):
        drawn = generator.integers(0, count, size=(min(rows, resamples - begin), count))
        parts.append(resampled(drawn))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def middle(values: _Floats, level: float = 0.95) -> tuple[float, float]:
    """Percentile bootstrap interval (Efron 1979, The Jackknife): what holds the middle `level` of a figure's values in resamples.

    Raises ValueError when `level` makes no sense.
    """
    if not 0.0 < level < 1.0:
        raise ValueError(f"level is {level}; expected one inside (0, 1)")
    outside = (1.0 - level) / 2.0
    low, high = np.quantile(values, [outside, 1.0 - outside]).tolist()
    return low, high


def intervals(resampled: Mapping[str, _Floats]) -> dict[str, tuple[float, float]]:
    """The 95 % `middle` of each metric's values in resamples."""
    return {name: middle(values) for name, values in resampled.items()}


def interval(
    values: NDArray[np.floating], seed: int = 0, resamples: int = 1000, level: float = 0.95
) -> tuple[float, float]:
    """`middle` of the means of `values` [n] in resamples. Raises ValueError as both do."""
    return middle(resampled_means(values, seed, resamples), level)


def counts(values: Rows, bins: int) -> _Floats:
    """How often each row of values [R, n] has each number below `bins`. [R, bins]"""
    shifted = values + bins * np.arange(len(values))[:, None]
    return np.bincount(shifted.ravel(), minlength=bins * len(values)).reshape(-1, bins).astype(np.float64)
