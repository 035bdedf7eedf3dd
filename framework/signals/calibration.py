"""The temperature that makes a teacher's probabilities fit held-out labels (Guo et al., arXiv 1706.04599)."""

from dataclasses import dataclass

import numpy as np

from distil.framework.segments import Ints
from distil.framework.signals.algebra import Signals, gold_log_likelihood, temper

_RANGE = (0.05, 20.0)


@dataclass(frozen=True)
class Calibration:
    """temperature: the one with the least nll; nll, nll_calibrated: mean negative log-likelihood of the gold outcomes of
    all heads that say something, in nats, at temperature 1 and at that one."""

    temperature: float
    nll: float
    nll_calibrated: float


def calibrate(signals: Signals, gold: Ints) -> Calibration:
    """Find the temperature, between 0.05 and 20, by the gold outcomes [H, 2] of labelled examples; heads of which nothing is said do
    not count."""
    from scipy.optimize import minimize_scalar  # type: ignore[import-untyped]

    said = signals.said

    def nll(log_temperature: float) -> float:
        return -float(np.mean(gold_log_likelihood(temper(signals, float(np.exp(log_temperature))), gold)[said]))

    found = minimize_scalar(nll, bounds=tuple(np.log(_RANGE)), method="bounded", options={"xatol": 1e-3})
    return Calibration(float(np.exp(found.x)), nll(0.0), float(found.fun))
