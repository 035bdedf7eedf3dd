"""What a distillation loss is given and what it returns."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

from pydantic import Discriminator, Field, Tag

from framework.config import Section

if TYPE_CHECKING:
    from torch import Tensor


class Linear(Section):
    """A weight that moves linearly over the training from `start` to `end`."""

    start: float = Field(ge=0, le=1e6)
    end: float = Field(ge=0, le=1e6)


def _form(value: Any) -> str:
    return "linear" if isinstance(value, dict | Linear) else "constant"


# Told apart beforehand, so that an error speaks of the form that was meant.
Weight = Annotated[
    Annotated[float, Field(ge=0, le=1e6), Tag("constant")] | Annotated[Linear, Tag("linear")],
    Discriminator(_form),
    Field(description="A constant, or {start, end}: linear over the training."),
]
Temperature = Annotated[float, Field(ge=0.01, le=1000, description="Divides the logits of teacher and student.")]


@dataclass(frozen=True)
class Target:
    """What one head (the answer's start, say) of a batch should become.

    mask: bool [B, L], the positions that may be chosen (context tokens and the null position);
    position: int64 [B], the gold position, -1 where there is none;
    signal: float32 [B, L], the teachers' probabilities at the term's temperature, or None without signals.
    """

    mask: "Tensor"
    position: "Tensor"
    signal: "Tensor | None"


class Loss(Protocol):
    """A loss term. `source` says what it compares the student with; a term without temperature has T = 1."""

    @property
    def kind(self) -> str:
        """The name under which recipes know it."""

    @property
    def weight(self) -> float | Linear:
        """Its share in the sum."""

    @property
    def source(self) -> Literal["signal", "labels"]:
        """What the student is compared with."""

    @property
    def temperature(self) -> float:
        """Of the signal that it reads."""

    def model_dump(self, *, mode: str = "python") -> dict[str, Any]:
        """Its settings as plain data (pydantic gives it)."""

    def __call__(self, logits: "Tensor", target: Target) -> "Tensor":
        """Loss of each row: logits float32 [B, L] with the masked positions at the lowest finite value → [B]."""


def weight_at(weight: float | Linear, progress: float) -> float:
    """The weight at `progress`, 0 at the first step and 1 after the last."""
    if isinstance(weight, Linear):
        return weight.start + (weight.end - weight.start) * progress
    return weight
