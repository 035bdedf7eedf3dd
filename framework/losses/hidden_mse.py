"""Squared error between hidden states (Romero et al., arXiv 1412.6550; Jiao et al., arXiv 1909.10351)."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from framework.config import Section
from framework.losses.base import Weight
from framework.losses.live import LayerMap, LiveTeacherName, States, Wanted, layer_pairs, token_mean

if TYPE_CHECKING:
    from torch import Tensor, nn


class HiddenMSE(Section):
    """Mean over layers, tokens and width of (W · student's state - teacher's state)², W learnt without a bias.

    As in TinyBERT one W serves all layers and another one the embeddings.
    """

    kind: Literal["hidden_mse"] = "hidden_mse"
    weight: Weight = 1.0
    teacher: LiveTeacherName = None
    layers: LayerMap = None
    embeddings: bool = Field(default=False, description="Whether the embeddings' outputs are compared too.")
    projection: Literal["auto", "learned"] = Field(
        default="auto",
        description="auto: W is learnt where the widths differ, else left out; learned: always, as TinyBERT.",
    )
    source: ClassVar[Literal["live"]] = "live"

    def wants(self, student: Any, teacher: Any) -> tuple[Wanted, Wanted]:
        """See LiveLoss."""
        layer_pairs(self.layers, student.num_hidden_layers, teacher.num_hidden_layers)
        return Wanted(hidden=True), Wanted(hidden=True)

    def new_projection(self, student: Any, teacher: Any) -> "nn.Module | None":
        """See LiveLoss."""
        from torch import nn

        if self.projection == "auto" and student.hidden_size == teacher.hidden_size:
            return None
        names = ["layers", "embeddings"] if self.embeddings else ["layers"]
        return nn.ModuleDict({name: nn.Linear(student.hidden_size, teacher.hidden_size, bias=False) for name in names})

    def __call__(self, student: States, teacher: States, mask: "Tensor", projection: Any) -> "Tensor":
        import torch

        pairs = layer_pairs(self.layers, student.layers, teacher.layers)
        compared = [("layers", student.hidden[own + 1], teacher.hidden[other + 1]) for own, other in pairs]
        if self.embeddings:
            compared.append(("embeddings", student.hidden[0], teacher.hidden[0]))
        errors = []
        for name, own, other in compared:
            moved = own if projection is None else projection[name](own)
            errors.append(token_mean(((moved.float() - other.float()) ** 2).mean(-1), mask))
        return torch.stack(errors).mean(0)
