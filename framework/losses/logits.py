"""Losses on logits: the student's against labels, or against what teachers think."""

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from distil.framework.config import Section
from distil.framework.losses.base import Floor, Target, Temperature, Weight

if TYPE_CHECKING:
    from torch import Tensor


class HardLabel(Section):
    """-log of the probability of the gold outcome, cross-entropy; an unlabelled row costs nothing."""

    kind: Literal["hard_label"] = "hard_label"
    weight: Weight = 1.0
    source: ClassVar[Literal["labels"]] = "labels"
    temperature: ClassVar[float] = 1.0

    def __call__(self, logits: "Tensor", target: Target) -> "Tensor":
        chosen = logits.log_softmax(-1).gather(-1, target.label.clamp_min(0).unsqueeze(-1)).squeeze(-1)
        return (-chosen).masked_fill(target.label < 0, 0.0)


class KL(Section):
    """T² · KL(teacher ‖ student), both at temperature T (Hinton et al., arXiv 1503.02531)."""

    kind: Literal["kl"] = "kl"
    weight: Weight = 1.0
    temperature: Temperature = 2.0
    source: ClassVar[Literal["signal"]] = "signal"

    def __call__(self, logits: "Tensor", target: Target) -> "Tensor":
        assert target.signal is not None
        teacher = target.signal
        student = (logits / self.temperature).log_softmax(-1)
        return self.temperature**2 * (teacher.xlogy(teacher) - teacher * student).sum(-1)


class ReverseKL(Section):
    """T² · KL(student ‖ teacher): the student need not cover everything that the teacher holds possible.

    Gu et al., arXiv 2306.08543.
    """

    kind: Literal["reverse_kl"] = "reverse_kl"
    weight: Weight = 1.0
    temperature: Temperature = 2.0
    floor: Floor = 1e-6
    source: ClassVar[Literal["signal"]] = "signal"

    def __call__(self, logits: "Tensor", target: Target) -> "Tensor":
        assert target.signal is not None
        student = (logits / self.temperature).log_softmax(-1)
        difference = student - target.signal.clamp_min(self.floor).log()
        return self.temperature**2 * (student.exp() * difference.masked_fill(~target.mask, 0.0)).sum(-1)


class JSD(Section):
    """T² · [β·KL(teacher ‖ mixture) + (1-β)·KL(student ‖ mixture)], mixture = β·teacher + (1-β)·student.

    The generalised Jensen–Shannon divergence (Agarwal et al., arXiv 2306.13649).
    """

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


class MSELogits(Section):
    """Mean over the positions of (student's logit - teacher's log-probability)², each centred on its own mean.

    Log-probabilities are logits up to a constant, and centring removes the constant (Ba & Caruana, arXiv 1312.6184; Kim et
    al., arXiv 2105.08919).
    """

    kind: Literal["mse_logits"] = "mse_logits"
    weight: Weight = 1.0
    floor: Floor = 1e-6
    source: ClassVar[Literal["signal"]] = "signal"
    temperature: ClassVar[float] = 1.0

    def __call__(self, logits: "Tensor", target: Target) -> "Tensor":
        assert target.signal is not None
        size = target.mask.sum(-1, keepdim=True)

        def centred(values: "Tensor") -> "Tensor":
            inside = values.masked_fill(~target.mask, 0.0)
            return (inside - inside.sum(-1, keepdim=True) / size).masked_fill(~target.mask, 0.0)

        difference = centred(logits) - centred(target.signal.clamp_min(self.floor).log())
        return (difference**2).sum(-1) / size.squeeze(-1)
