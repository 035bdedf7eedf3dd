"""The loss on the likelihoods of whole parts of a text."""

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from distil.framework.config import Section
from distil.framework.losses.base import Target, Weight

if TYPE_CHECKING:
    from torch import Tensor

_LEAST = 1e-6


class Chunk(Section):
    """Cross-entropy of p^(1/τ) and 1 - p^(1/τ), p being the probability of a unit of the text that stands there, less what the
    teacher's own is: 0 where student and teacher agree.

    The binarised form of approximate likelihood matching (Minixhofer et al., arXiv 2503.20083), with units that are the same for all
    tokenizers instead of what two of them have in common.
    """

    kind: Literal["chunk"] = "chunk"
    weight: Weight = 1.0
    tau: float = Field(
        default=100.0,
        ge=1,
        le=1e6,
        description="Large: by how much likelihoods differ counts, and not how likely units are.",
    )
    source: ClassVar[Literal["signal"]] = "signal"
    temperature: ClassVar[float] = 1.0
    rows: ClassVar[str] = "units"

    def __call__(self, logits: "Tensor", target: Target) -> "Tensor":
        import torch

        assert target.signal is not None
        # The logits of a unit are log P(another one) and log P(this one).
        student = (logits[:, 1] / self.tau).exp().clamp(_LEAST, 1 - _LEAST)
        teacher = target.signal[:, 1].clamp_min(_LEAST).pow(1 / self.tau).clamp(_LEAST, 1 - _LEAST)
        crossed = teacher * student.log() + (1 - teacher) * torch.log1p(-student)
        own = teacher * teacher.log() + (1 - teacher) * torch.log1p(-teacher)
        return own - crossed
