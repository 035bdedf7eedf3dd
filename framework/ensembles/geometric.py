"""Geometric mean of the teachers' probabilities: mean of logits (Yang et al., TextBrewer, arXiv 2002.12620)."""

from typing import ClassVar, Literal

from framework.config import Section
from framework.ensembles.base import Mixing, TeacherOutputs
from framework.segments import Floats


class Geometric(Section):
    """p ∝ exp(Σ_k log p_k / K); for teachers with one tokenizer the softmax of the mean of their logits."""

    rule: Literal["geometric"] = "geometric"
    needs_labels: ClassVar[bool] = False
    needs_f1: ClassVar[bool] = False
    mixing: ClassVar[Mixing] = "geometric"

    def weigh(self, outputs: TeacherOutputs) -> Floats:
        return outputs.equal()
