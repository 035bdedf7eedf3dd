"""What a distillation loss is given and what it returns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Protocol, runtime_checkable

from pydantic import Discriminator, Field, Tag

from distil.framework.config import Section
from distil.framework.errors import UserError
from distil.framework.plugins import named_in_errors

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
Floor = Annotated[float, Field(gt=0, lt=0.01, description="Least teacher probability, where a stored signal says 0.")]
Temperature = Annotated[float, Field(ge=0.01, le=1000, description="Divides the logits of teacher and student.")]


@dataclass(frozen=True)
class Target:
    """What R rows of logits over L outcomes should become.

    mask: bool [R, L], the outcomes that may be chosen (of an answer's start, say, tokens of the context and the null
    position); label: int64 [R], the gold outcome, -1 where there is none;
    signal: float32 [R, L], the teachers' probabilities at the term's temperature, or None without signals; all 0 where no teacher says
    anything, and what a loss comes to there does not count.
    """

    mask: "Tensor"
    label: "Tensor"
    signal: "Tensor | None"


@dataclass(frozen=True)
class Rows:
    """What a task makes of a batch of B items: R rows of logits over L outcomes, with what they should become.

    logits: float32 [R, L], -1e30 where not mask (finite, so that 0 · log 0 stays 0 there, also divided by a temperature
    below 1); mask: bool [R, L]; label: int64 [R], -1 where there is none; weight: float32 [R], of a row's loss in its item's,
    0 where an item only fills up a batch; item: int64 [R], each row's item; items: B; signals: for each temperature
    float32 [R, L]; parts: other rows, of what the task reads from the same outputs: `labels`, those that labels count on, and any
    that a loss names.
    """

    logits: "Tensor"
    mask: "Tensor"
    label: "Tensor"
    weight: "Tensor"
    item: "Tensor"
    items: int
    signals: Mapping[float, "Tensor"]
    parts: "Mapping[str, Callable[[], Rows]]" = field(default_factory=dict)

    def of(self, loss: "Loss") -> "Rows":
        """Those that a loss is a loss of."""
        part = self.parts.get(getattr(loss, "rows", loss.source))  # asking for the protocol takes 15 times as long
        return self if part is None else part()

    def of_items(self, values: "Tensor") -> "Tensor":
        """The weighted sum of values [R] over the rows of each item. [B]"""
        return values.new_zeros(self.items).index_add(0, self.item, values * self.weight)


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
        """Loss of each row: logits float32 [R, L] with masked outcomes at -1e30 → [R]."""


@runtime_checkable
class OnItsOwnRows(Protocol):
    """A Loss of rows that only some tasks have. rows: by which name they give these."""

    rows: ClassVar[str]


def is_of_tokens(loss: object) -> bool:
    """Whether a loss compares next tokens, which a student shares with teachers of its tokenizer alone."""
    return isinstance(loss, OnItsOwnRows) and loss.rows == "tokens"


def weight_at(weight: float | Linear, progress: float) -> float:
    """The weight at `progress`, 0 at the first step and 1 after the last."""
    if isinstance(weight, Linear):
        return weight.start + (weight.end - weight.start) * progress
    return weight


def check_losses(name: str, values: object, rows: int) -> None:
    """Refuse what a loss returns if it is not one number a row. Raises UserError."""
    import torch

    if not isinstance(values, torch.Tensor) or values.shape != (rows,):
        found = f"a tensor of shape {list(values.shape)}" if isinstance(values, torch.Tensor) else repr(values)
        raise UserError(
            f"losses.{name} returns {found[:200]}, expected one loss for each of {rows} rows, of shape [{rows}]: put its "
            "`__call__` right"
        )
    if not values.is_floating_point():
        raise UserError(
            f"losses.{name} returns {values.dtype}, expected floating point numbers: put its `__call__` right"
        )


def total_loss(losses: Mapping[str, Loss], rows: Rows, progress: float) -> tuple["Tensor", dict[str, "Tensor"]]:
    """Sum over the batch's rows of Σ_i λ_i · weight · L_i.

    progress: share of the training that is done, for scheduled weights. Raises UserError, which names it, for a loss of the
    user's own that fails. Returns the sum (scalar, with gradient) and each
    term's unscaled sum (scalars, without).
    """
    total = rows.logits.new_zeros(())
    terms: dict[str, Tensor] = {}
    for name, loss in losses.items():
        part = rows.of(loss)
        signal = part.signals[loss.temperature] if loss.source == "signal" else None
        with named_in_errors(f"losses.{name}", loss):
            values = loss(part.logits, Target(part.mask, part.label, signal))
            check_losses(name, values, len(part.logits))
        if signal is not None:
            values = values.masked_fill(signal.sum(-1) == 0, 0.0)
        term = part.of_items(values).sum()
        terms[name] = term.detach()
        total = total + weight_at(loss.weight, progress) * term
    return total, terms
