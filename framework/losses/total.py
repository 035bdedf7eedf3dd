"""The weighted sum of all loss terms over all rows of a batch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from framework.losses.base import Loss, Rows, Target, weight_at

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

    def rows(self, logits: "Tensor") -> Rows:
        """See Targets: each head of a window is a row, and a window's loss is the mean over its heads."""
        import torch

        batch, heads, length = logits.shape
        mask = self.mask.repeat_interleave(heads, dim=0)
        return Rows(
            logits=logits.float().reshape(batch * heads, length).masked_fill(~mask, -1e30),
            mask=mask,
            label=self.position.reshape(batch * heads),
            weight=self.weight.repeat_interleave(heads) / heads,
            item=torch.arange(batch, device=logits.device).repeat_interleave(heads),
            items=batch,
            signals={temperature: signal.flatten(0, 1) for temperature, signal in self.signals.items()},
        )


def total_loss(losses: Mapping[str, Loss], rows: Rows, progress: float) -> tuple["Tensor", dict[str, "Tensor"]]:
    """Sum over the batch's rows of Σ_i λ_i · weight · L_i.

    progress: share of the training that is done, for scheduled weights. Returns the sum (scalar, with gradient) and each
    term's unscaled sum (scalars, without).
    """
    total = rows.logits.new_zeros(())
    terms: dict[str, Tensor] = {}
    for name, loss in losses.items():
        signal = rows.signals[loss.temperature] if loss.source == "signal" else None
        term = rows.of_items(loss(rows.logits, Target(rows.mask, rows.label, signal))).sum()
        terms[name] = term.detach()
        total = total + weight_at(loss.weight, progress) * term
    return total, terms
