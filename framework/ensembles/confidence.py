"""Weights that fall with a teacher's entropy.

The idea is that of Kwon et al. (Adaptive knowledge distillation based on entropy, ICASSP 2020). The linear form, one minus
a teacher's share in all entropies, is the plainest that has it.
"""

from typing import ClassVar, Literal

import numpy as np

from framework.config import Section
from framework.ensembles.base import Mixing, TeacherOutputs
from framework.segments import Floats
from framework.signals.algebra import entropy


class Confidence(Section):
    """p = Σ_k w_k · p_k with w_k = (1 - H_k / Σ_j H_j) / (K - 1), H_k the mean of the entropies of its heads (start and end)."""

    rule: Literal["confidence"] = "confidence"
    needs_labels: ClassVar[bool] = False
    needs_f1: ClassVar[bool] = False
    mixing: ClassVar[Mixing] = "arithmetic"

    def weigh(self, outputs: TeacherOutputs) -> Floats:
        entropies = outputs.by_teacher(entropy)
        total = entropies.sum(-1, keepdims=True)
        shares = np.divide(entropies, total, out=outputs.equal(), where=total > 0)
        weights: Floats = (1 - shares) / (len(outputs.names) - 1)
        return weights
