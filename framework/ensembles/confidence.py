"""Weights that fall with a teacher's entropy.

The idea is that of Kwon et al. (Adaptive knowledge distillation based on entropy, ICASSP 2020). The linear form, one minus
a teacher's share in all entropies, is the plainest that has it.
"""

from typing import ClassVar, Literal

import numpy as np

from framework.config import Section
from framework.ensembles.base import Consultation, Mixing, equal
from framework.ensembles.entropy import entropy
from framework.signals.span import Floats, Side, probabilities


class Confidence(Section):
    """p = Σ_k w_k · p_k with w_k = (1 - H_k / Σ_j H_j) / (K - 1), H_k the mean of the entropies of start and end."""

    rule: Literal["confidence"] = "confidence"
    needs_labels: ClassVar[bool] = False
    needs_f1: ClassVar[bool] = False
    mixing: ClassVar[Mixing] = "arithmetic"

    def weigh(self, consultation: Consultation) -> Floats:
        signals = consultation.signals
        entropies = np.asarray([(_entropy(signal.start) + _entropy(signal.end)) / 2 for signal in signals])
        if not entropies.any():
            return equal(len(signals))
        weights: Floats = (1 - entropies / entropies.sum()) / (len(signals) - 1)
        return weights


def _entropy(side: Side) -> float:
    """Entropy over all entries, null included; those in the tail are taken as equal parts of it."""
    mass, null, tail = probabilities(side)
    return entropy(np.append(mass, [null, tail])) + tail * float(np.log(max(side.tail_size, 1)))
