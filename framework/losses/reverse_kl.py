"""Reverse Kullback–Leibler divergence, from student to teacher (Gu et al., arXiv 2306.08543)."""

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from framework.config import Section
from framework.losses.base import Target, Temperature, Weight

if TYPE_CHECKING:
    from torch import Tensor


class ReverseKL(Section):
    """T² · KL(student ‖ teacher): the student need not cover everything that the teacher holds possible."""

    kind: Literal["reverse_kl"] = "reverse_kl"
    weight: Weight = 1.0
    temperature: Temperature = 2.0
    floor: float = Field(
        default=1e-6, gt=0, lt=0.01, description="Least teacher probability, where a stored signal says 0."
    )
    source: ClassVar[Literal["signal"]] = "signal"

    def __call__(self, logits: "Tensor", target: Target) -> "Tensor":
        assert target.signal is not None
        student = (logits / self.temperature).log_softmax(-1)
        difference = student - target.signal.clamp_min(self.floor).log()
        return self.temperature**2 * (student.exp() * difference.masked_fill(~target.mask, 0.0)).sum(-1)
