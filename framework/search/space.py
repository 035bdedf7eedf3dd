"""From what a search may draw the value at a place of the recipe. A new kind is a class here and a name in the union."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

from pydantic import Field, model_validator

from framework.config import Section
from framework.plugins import by_kind

if TYPE_CHECKING:
    import optuna

MOST_WHOLE = 10**9
Real = Annotated[float, Field(ge=-1e12, le=1e12)]
Whole = Annotated[int, Field(ge=-MOST_WHOLE, le=MOST_WHOLE)]


class Distribution(Protocol):
    """Values at one place. A *parameter* is what Optuna knows a value by: the value itself, or its number."""

    def edges(self) -> list[object]:
        """Values that the recipe has to take for it to take all of them."""

    def parameters(self) -> Sequence[object] | None:
        """Every parameter, for a grid; None if they cannot be counted."""

    def suggest(self, trial: "optuna.Trial", place: str) -> object:
        """Ask Optuna's trial for the parameter named `place`, and return its value."""


class Uniform(Section):
    """Real numbers from `low` to `high`, all as likely; log_uniform: whose logarithms are."""

    kind: Literal["uniform", "log_uniform"]
    low: Real
    high: Real

    @model_validator(mode="after")
    def _check(self) -> "Uniform":
        _check_order(self.low, self.high)
        if self.kind == "log_uniform" and self.low <= 0:
            raise ValueError(f"`low` is {self.low}, which has no logarithm; expected a number above 0")
        return self

    def edges(self) -> list[object]:
        """See Distribution."""
        return [self.low, self.high]

    def parameters(self) -> Sequence[object] | None:
        """See Distribution."""
        return None

    def suggest(self, trial: "optuna.Trial", place: str) -> float:
        """See Distribution."""
        return trial.suggest_float(place, self.low, self.high, log=self.kind == "log_uniform")


class IntUniform(Section):
    """Whole numbers `low`, `low` + `step`, … up to `high`, all as likely."""

    kind: Literal["int_uniform"] = "int_uniform"
    low: Whole
    high: Whole
    step: int = Field(default=1, ge=1, le=MOST_WHOLE)

    @model_validator(mode="after")
    def _check(self) -> "IntUniform":
        _check_order(self.low, self.high)
        if (self.high - self.low) % self.step:
            raise ValueError(f"no number of steps of {self.step} leads from {self.low} to {self.high}; change `high`")
        return self

    def edges(self) -> list[object]:
        """See Distribution."""
        return [self.low, self.high]

    def parameters(self) -> Sequence[object] | None:
        """See Distribution."""
        return range(self.low, self.high + 1, self.step)

    def suggest(self, trial: "optuna.Trial", place: str) -> int:
        """See Distribution."""
        return trial.suggest_int(place, self.low, self.high, step=self.step)


class Choice(Section):
    """One of some values, which may be whole sections. Its parameter is the value's number, from 0."""

    kind: Literal["choice"] = "choice"
    values: list[object] = Field(min_length=2, max_length=1000)

    @model_validator(mode="after")
    def _check(self) -> "Choice":
        twice = [value for number, value in enumerate(self.values) if _among(value, self.values[:number])]
        if twice:
            raise ValueError(f"`values` names {twice[0]!r} twice; drop one")
        return self

    def edges(self) -> list[object]:
        """See Distribution."""
        return self.values

    def parameters(self) -> Sequence[object] | None:
        """See Distribution."""
        return range(len(self.values))

    def suggest(self, trial: "optuna.Trial", place: str) -> object:
        """See Distribution."""
        return self.values[int(trial.suggest_categorical(place, list(range(len(self.values)))))]


AnyDistribution = Annotated[Uniform | IntUniform | Choice, by_kind(Uniform, IntUniform, Choice)]


def _check_order(low: float, high: float) -> None:
    if low >= high:
        raise ValueError(f"`low` is {low} and `high` {high}; expected low < high")


def _among(value: object, others: list[object]) -> bool:
    """Whether a value is there already; true and 1 are not the same."""
    return any(type(value) is type(other) and value == other for other in others)
