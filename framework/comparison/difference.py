"""The difference of two models' figures, with a 95 % interval: over the examples that there might have been, and over seeds.

One seed: the percentile bootstrap (Efron 1979) of the difference, for which both models are measured on the same resamples of the
examples where they answered the same ones.

Several seeds: the mean over seeds, plus or minus a quantile of Student's t times the root of two variances added. That of the
examples is the variance, in resamples, of the mean over seeds. That of the seeds is their squared standard error less what
examples alone make figures of single seeds differ by, which is in the first one already, and 0 if that is more (the analysis of
variance of two crossed factors, Searle, Casella and McCulloch 1992). The degrees of freedom are Satterthwaite's (1946), at least
one less than there are seeds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from distil.framework.metrics import middle
from distil.framework.segments import Floats

_LEVEL = 0.95


@dataclass(frozen=True)
class Sample:
    """A figure of a model over S seeds: values [S], and resampled [S, R], its values in R resamples of the examples, which are the
    same ones for all seeds that have the same examples."""

    values: Floats
    resampled: Floats

    def minus(self, other: "Sample") -> "Sample":
        """The difference to another model's figure, seed by seed."""
        return Sample(self.values - other.values, self.resampled - other.resampled)

    @property
    def negative(self) -> "Sample":
        """What is to be subtracted."""
        return Sample(-self.values, -self.resampled)

    @property
    def error(self) -> float | None:
        """The standard error of the mean over seeds; None of one seed."""
        count = len(self.values)
        return None if count == 1 else float(self.values.std(ddof=1) / np.sqrt(count))


@dataclass(frozen=True)
class Difference:
    """error: its standard error over seeds; None where no model has several."""

    value: float
    interval: tuple[float, float]
    error: float | None


def difference(parts: Sequence[Sample]) -> Difference:
    """The sum of the means of samples: of one, the differences seed by seed; or of one model and the `negative` of another, whose
    seeds have nothing to do with each other."""
    value = float(sum(part.values.mean() for part in parts))
    resampled: Floats = np.sum([part.resampled.mean(0) for part in parts], axis=0)
    errors = [part.error for part in parts if part.error is not None]
    if not errors:
        return Difference(value, middle(resampled, _LEVEL), None)
    of_seeds = [_variances(part) for part in parts if len(part.values) > 1]
    total = resampled.var() + sum(max(0.0, squared - shared) for squared, shared, _ in of_seeds)
    uncertain = sum(squared**2 / (count - 1) for squared, _, count in of_seeds)
    least = min(count - 1 for _, _, count in of_seeds)
    freedom = max(least, total**2 / uncertain) if uncertain else np.inf
    half = _t_quantile(float(freedom)) * np.sqrt(total)
    return Difference(value, (value - half, value + half), float(np.sqrt(sum(error**2 for error in errors))))


def _variances(part: Sample) -> tuple[float, float, int]:
    """Of the mean over seeds: its squared standard error, how much of that comes of the examples alone, and the seeds' number."""
    count = len(part.values)
    shared = (part.resampled.var(axis=1).mean() - part.resampled.mean(0).var()) / (count - 1)
    return float(part.values.var(ddof=1) / count), float(shared), count


def _t_quantile(freedom: float) -> float:
    from scipy.special import ndtri, stdtrit  # type: ignore[import-untyped]

    place = 0.5 + _LEVEL / 2
    return float(ndtri(place) if np.isinf(freedom) else stdtrit(freedom, place))
