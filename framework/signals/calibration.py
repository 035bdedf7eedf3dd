"""The temperature that makes a teacher's probabilities fit held-out labels (Guo et al., arXiv 1706.04599)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from framework.data.example import Example
from framework.signals.gold import gold_log_mass
from framework.signals.span import SpanSignal, temper

_RANGE = (0.05, 20.0)


@dataclass(frozen=True)
class Calibration:
    """temperature: the one with the least nll; nll, nll_calibrated: mean negative log-likelihood of the gold start and
    end, in nats, at temperature 1 and at that one."""

    temperature: float
    nll: float
    nll_calibrated: float


def calibrate(examples: Sequence[Example], signals: Sequence[SpanSignal]) -> Calibration:
    """Find the temperature, between 0.05 and 20, by labelled examples."""
    from scipy.optimize import minimize_scalar  # type: ignore[import-untyped]

    pairs = [pair for pair in zip(examples, signals, strict=True) if pair[0].labelled]

    def nll(log_temperature: float) -> float:
        temperature = float(np.exp(log_temperature))
        return -float(np.mean([gold_log_mass(temper(signal, temperature), example) for example, signal in pairs]))

    found = minimize_scalar(nll, bounds=tuple(np.log(_RANGE)), method="bounded", options={"xatol": 1e-3})
    return Calibration(float(np.exp(found.x)), nll(0.0), float(found.fun))
