"""The loss on the likelihoods of whole parts of a text."""

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from distil.framework.config import Section
from distil.framework.losses.base import Target, Weight

if TYPE_CHECKING:
    from torch import Tensor

_LEAST = 1e-30  # probability of a unit
_CERTAIN = 1e-6  # nats of a unit, at least


class Chunk(Section):
    """τ times the cross-entropy of p^(1/τ) and 1 - p^(1/τ), p being the probability of a unit of the text that stands there, less what
    the teacher's own is: 0 where student and teacher agree.

    The binarised form of approximate likelihood matching (Minixhofer et al., arXiv 2503.20083), with units that are the same for all
    tokenizers instead of what two of them have in common. Factor τ gives it the same size for every τ: the larger this is, the closer
    the loss comes to a log(a / b) - a + b, of a teacher that gives the unit a nats, and a student that gives it b.
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
        assert target.signal is not None
        # Of a unit the student's logits are log P(another one) and log P(this one).
        theirs = target.signal[:, 1].clamp_min(_LEAST).log().clamp(max=-_CERTAIN) / self.tau
        own = logits[:, 1].clamp(max=-_CERTAIN) / self.tau
        there = theirs.exp() * (theirs - own)
        not_there = -theirs.expm1() * ((-theirs.expm1()).log() - (-own.expm1()).log())
        return self.tau * (there + not_there)
