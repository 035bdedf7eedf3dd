"""Weights that fall with a teacher's error on the question (CA-MKD, Zhang et al., arXiv 2201.00007)."""

from typing import ClassVar, Literal

from framework.config import Section
from framework.ensembles.base import Mixing, TeacherOutputs
from framework.segments import Floats, softmax


class LabelAware(Section):
    """p = Σ_k w_k · p_k with w_k = (1 - softmax_k(CE_k)) / (K - 1).

    CE_k is the cross-entropy of teacher k with the gold answer, the mean over heads (start and end). A question without
    an answer has its mass on null.
    """

    rule: Literal["label_aware"] = "label_aware"
    needs_labels: ClassVar[bool] = True
    needs_f1: ClassVar[bool] = False
    mixing: ClassVar[Mixing] = "arithmetic"

    def weigh(self, outputs: TeacherOutputs) -> Floats:
        errors = -outputs.gold_log_likelihood()
        weights: Floats = (1 - softmax(errors)) / (len(outputs.names) - 1)
        return weights
