"""Cross-entropy with the gold answer."""

from typing import TYPE_CHECKING, ClassVar, Literal

from framework.config import Section
from framework.losses.base import Target, Weight

if TYPE_CHECKING:
    from torch import Tensor


class HardLabel(Section):
    """-log of the probability of the gold outcome; an unlabelled row costs nothing."""

    kind: Literal["hard_label"] = "hard_label"
    weight: Weight = 1.0
    source: ClassVar[Literal["labels"]] = "labels"
    temperature: ClassVar[float] = 1.0

    def __call__(self, logits: "Tensor", target: Target) -> "Tensor":
        chosen = logits.log_softmax(-1).gather(-1, target.label.clamp_min(0).unsqueeze(-1)).squeeze(-1)
        return (-chosen).masked_fill(target.label < 0, 0.0)
