"""Forward Kullback–Leibler divergence from teacher to student (Hinton et al., arXiv 1503.02531)."""

from typing import TYPE_CHECKING, ClassVar, Literal

from framework.config import Section
from framework.losses.base import Target, Temperature, Weight

if TYPE_CHECKING:
    from torch import Tensor


class KL(Section):
    """T² · KL(teacher ‖ student), both at temperature T."""

    kind: Literal["kl"] = "kl"
    weight: Weight = 1.0
    temperature: Temperature = 2.0
    source: ClassVar[Literal["signal"]] = "signal"

    def __call__(self, logits: "Tensor", target: Target) -> "Tensor":
        assert target.signal is not None
        teacher = target.signal
        student = (logits / self.temperature).log_softmax(-1)
        return self.temperature**2 * (teacher.xlogy(teacher) - teacher * student).sum(-1)
