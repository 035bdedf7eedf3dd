"""Generalised Jensen–Shannon divergence (Agarwal et al., arXiv 2306.13649)."""

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from framework.config import Section
from framework.losses.base import Target, Temperature, Weight

if TYPE_CHECKING:
    from torch import Tensor


class JSD(Section):
    """T² · [β·KL(teacher ‖ mixture) + (1-β)·KL(student ‖ mixture)], mixture = β·teacher + (1-β)·student."""

    kind: Literal["jsd"] = "jsd"
    weight: Weight = 1.0
    temperature: Temperature = 2.0
    beta: float = Field(default=0.5, gt=0, lt=1)
    source: ClassVar[Literal["signal"]] = "signal"

    def __call__(self, logits: "Tensor", target: Target) -> "Tensor":
        assert target.signal is not None
        teacher = target.signal
        student = (logits / self.temperature).softmax(-1)
        # A position that both hold impossible adds nothing; the bound keeps its logarithm finite.
        log_mixture = (self.beta * teacher + (1 - self.beta) * student).clamp_min(1e-30).log()
        from_teacher = teacher.xlogy(teacher) - teacher * log_mixture
        from_student = student * (student.clamp_min(1e-30).log() - log_mixture)
        divergence = self.beta * from_teacher + (1 - self.beta) * from_student
        return self.temperature**2 * divergence.sum(-1)
