"""Losses that look inside the student and a live teacher, which read the same tokens at the same time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

from pydantic import BeforeValidator, Field

from distil.framework.config import Layer
from distil.framework.errors import ModelError
from distil.framework.losses.base import Linear, Loss

if TYPE_CHECKING:
    from torch import Tensor, nn
    from transformers import PreTrainedConfig


@dataclass(frozen=True)
class Wanted:
    """What is looked at inside a model. hidden: its hidden states; attention: layers, from 0, whose vectors are taken."""

    hidden: bool = False
    attention: frozenset[int] = frozenset()

    def __or__(self, other: "Wanted") -> "Wanted":
        return Wanted(self.hidden or other.hidden, self.attention | other.attention)


@dataclass(frozen=True)
class States:
    """What a model with so many layers and heads computes inside, for B windows padded to L tokens.

    hidden: of width D, [B, L, D], the embeddings' output and then each layer's; attention: for a layer, from 0, its
    query, key and value vectors, [B, L, D] each. What is not wanted is left out.
    """

    layers: int
    heads: int
    hidden: "Sequence[Tensor]" = ()
    attention: "Mapping[int, tuple[Tensor, Tensor, Tensor]]" = field(default_factory=dict)

    def in_float32(self) -> "States":
        """The same in float32."""
        vectors = {
            layer: (query.float(), key.float(), value.float()) for layer, (query, key, value) in self.attention.items()
        }
        return replace(self, hidden=[state.float() for state in self.hidden], attention=vectors)


class LiveLoss(Protocol):
    """A loss term on what student and teacher compute inside. teacher: its name; None for the recipe's only one."""

    @property
    def kind(self) -> str:
        """The name under which recipes know it."""

    @property
    def weight(self) -> float | Linear:
        """Its share in the sum."""

    @property
    def source(self) -> Literal["live"]:
        """What the student is compared with."""

    @property
    def teacher(self) -> str | None:
        """Which teacher it looks into."""

    def model_dump(self, *, mode: str = "python") -> dict[str, Any]:
        """Its settings as plain data (pydantic gives it)."""

    def wants(self, student: "PreTrainedConfig", teacher: "PreTrainedConfig") -> tuple[Wanted, Wanted]:
        """What it looks at in models of these configurations. Raises ModelError if the two cannot be compared."""

    def new_projection(self, student: "PreTrainedConfig", teacher: "PreTrainedConfig") -> "nn.Module | None":
        """What is trained beside the student to compare models of these configurations; it is not saved.

        A loss has to call its modules: under ZeRO-3 their weights are only there while they run.
        """

    def __call__(self, student: States, teacher: States, mask: "Tensor", projection: "nn.Module | None") -> "Tensor":
        """Loss of each row, float32 [B]; mask: bool [B, L], false on padding."""


Term = Loss | LiveLoss


def on_logits(losses: Mapping[str, Any]) -> dict[str, Loss]:
    """The terms that compare logits."""
    return {name: loss for name, loss in losses.items() if loss.source != "live"}


def on_states(losses: Mapping[str, Any]) -> dict[str, LiveLoss]:
    """The terms that look into a live teacher."""
    return {name: loss for name, loss in losses.items() if loss.source == "live"}


def _numbers(value: Any) -> Any:
    """Where a recipe is written as JSON, keys are words."""
    if not isinstance(value, dict):
        return value
    return {
        int(key) if isinstance(key, str) and key.removeprefix("-").isdecimal() else key: to for key, to in value.items()
    }


LiveTeacherName = Annotated[
    str | None, Field(description="Name of the teacher that it looks into; may be left out if there is only one.")
]
LayerMap = Annotated[
    Annotated[dict[Layer, Layer], Field(min_length=1)] | None,
    BeforeValidator(_numbers),
    Field(
        description="{student's layer: teacher's layer}, from 0 (the first layer, not the embeddings); negative from the "
        "end. Default: all of the student's, evenly spread over the teacher's, last to last.",
    ),
]


def layer_pairs(layers: Mapping[int, int] | None, student: int, teacher: int) -> list[tuple[int, int]]:
    """Layers, from 0, of models with `student` and `teacher` layers that belong together.

    By default the uniform map of TinyBERT (Jiao et al., arXiv 1909.10351). Raises ModelError for a layer that is not there.
    """
    if layers is None:
        return [(layer, -(-(layer + 1) * teacher // student) - 1) for layer in range(student)]
    return sorted((layer_number(a, student, "student"), layer_number(b, teacher, "teacher")) for a, b in layers.items())


def layer_number(layer: int, count: int, whose: str) -> int:
    """A layer's number from 0. Raises ModelError for one that a model with `count` layers does not have."""
    if not -count <= layer < count:
        raise ModelError(
            f"layer {layer} of the {whose} is asked for, but its layers are 0 to {count - 1} (-1 is the last); name one of "
            "these"
        )
    return layer % count


def token_mean(values: "Tensor", mask: "Tensor") -> "Tensor":
    """Mean of values [B, L] over the tokens of mask [B, L] → [B]."""
    return values.masked_fill(~mask, 0.0).sum(-1) / mask.sum(-1)
