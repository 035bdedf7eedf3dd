"""Arithmetic mean of the teachers' probabilities (Hinton et al., arXiv 1503.02531)."""

from typing import ClassVar, Literal

from framework.config import Section
from framework.ensembles.base import Mixing, TeacherOutputs
from framework.segments import Floats


class Mean(Section):
    """p = Σ_k p_k / K."""

    rule: Literal["mean"] = "mean"
    needs_labels: ClassVar[bool] = False
    needs_f1: ClassVar[bool] = False
    mixing: ClassVar[Mixing] = "arithmetic"

    def weigh(self, outputs: TeacherOutputs) -> Floats:
        return outputs.equal()
