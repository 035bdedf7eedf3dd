"""The weighted sum of all loss terms over all rows of a batch."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from framework.losses.base import Loss, Rows, Target, weight_at

if TYPE_CHECKING:
    from torch import Tensor


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
