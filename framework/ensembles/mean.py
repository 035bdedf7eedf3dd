"""Arithmetic mean of the teachers' probabilities (Hinton et al., arXiv 1503.02531)."""

from typing import ClassVar, Literal

from framework.config import Section
from framework.ensembles.base import Consultation, Mixing, equal
from framework.signals.span import Floats


class Mean(Section):
    """p = Σ_k p_k / K."""

    rule: Literal["mean"] = "mean"
    needs_labels: ClassVar[bool] = False
    needs_f1: ClassVar[bool] = False
    mixing: ClassVar[Mixing] = "arithmetic"

    def weigh(self, consultation: Consultation) -> Floats:
        return equal(len(consultation.signals))
