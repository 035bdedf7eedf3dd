"""Squared error between centred logits (Ba & Caruana, arXiv 1312.6184; Kim et al., arXiv 2105.08919)."""

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from framework.config import Section
from framework.losses.base import Target, Weight

if TYPE_CHECKING:
    from torch import Tensor


class MSELogits(Section):
    """Mean over the positions of (student's logit - teacher's log-probability)², each centred on its own mean.

    Log-probabilities are logits up to a constant, and centring removes the constant.
    """

    kind: Literal["mse_logits"] = "mse_logits"
    weight: Weight = 1.0
    floor: float = Field(
        default=1e-6, gt=0, lt=0.01, description="Least teacher probability, where a stored signal says 0."
    )
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
