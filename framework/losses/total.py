"""The weighted sum of all loss terms over all heads of a batch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from framework.losses.base import Loss, Target, weight_at

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class HeadTargets:
    """Targets of every head (start and end: H = 2) of a batch of B windows, padded to L tokens.

    mask: bool [B, L]; position: int64 [B, H]; weight: float32 [B], 0 for a row that only fills up a batch;
    signals: for each temperature float32 [B, H, L].
    """

    mask: "Tensor"
    position: "Tensor"
    weight: "Tensor"
    signals: Mapping[float, "Tensor"]

    def to(self, device: "torch.device") -> "HeadTargets":
        """The same targets on `device`."""
        signals = {temperature: signal.to(device) for temperature, signal in self.signals.items()}
        return HeadTargets(self.mask.to(device), self.position.to(device), self.weight.to(device), signals)


def total_loss(
    losses: Mapping[str, Loss], logits: "Tensor", targets: HeadTargets, progress: float
) -> tuple["Tensor", dict[str, "Tensor"]]:
    """Sum over the batch's rows of Σ_i λ_i · mean over heads of L_i.

    logits: [B, H, L], any floating type; progress: share of the training that is done, for scheduled weights.
    Returns the sum (scalar, with gradient) and each term's unweighted sum (scalars, without).
    """
    batch, heads, length = logits.shape
    mask = targets.mask.repeat_interleave(heads, dim=0)
    # Finite, so that 0 · log 0 stays 0 at masked positions, also divided by a temperature below 1.
    flat = logits.float().reshape(batch * heads, length).masked_fill(~mask, -1e30)
    position = targets.position.reshape(batch * heads)
    total = flat.new_zeros(())
    terms: dict[str, Tensor] = {}
    for name, loss in losses.items():
        signal = targets.signals[loss.temperature].flatten(0, 1) if loss.source == "signal" else None
        rows = loss(flat, Target(mask, position, signal)).view(batch, heads).mean(-1)
        term = (rows * targets.weight).sum()
        terms[name] = term.detach()
        total = total + weight_at(loss.weight, progress) * term
    return total, terms
