"""The recipe's `search` section, and from what a search may draw the value at a place of the recipe: a new kind is a class here and a
name in the union."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

from pydantic import Field, model_validator

from distil.framework.config import MOST_EPOCHS, Section, Seed
from distil.framework.plugins import by_kind

if TYPE_CHECKING:
    import optuna

MOST_WHOLE = 10**9
Real = Annotated[float, Field(ge=-1e12, le=1e12)]
Whole = Annotated[int, Field(ge=-MOST_WHOLE, le=MOST_WHOLE)]
MOST_TRIALS = 100_000
PRIMARY = "primary"


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


class Random(Section):
    """Every trial by itself, at random (Bergstra & Bengio, JMLR 2012)."""

    kind: Literal["random"] = "random"
    seed: Seed = 0


class Grid(Section):
    """Every combination of values, the last place's changing fastest."""

    kind: Literal["grid"] = "grid"


class TPE(Section):
    """Optuna's tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011)."""

    kind: Literal["tpe"] = "tpe"
    seed: Seed = 0
    startup: int = Field(default=10, ge=1, le=10_000, description="Trials at random before the estimator has its say.")


class NoScheduler(Section):
    """Every trial is trained to its end."""

    kind: Literal["none"] = "none"


class ASHA(Section):
    """Asynchronous successive halving (Li et al., arXiv 1810.05934)."""

    kind: Literal["asha"] = "asha"
    grace: int = Field(default=1, ge=1, le=MOST_EPOCHS, description="Epochs that every trial is given.")
    reduction: int = Field(
        default=2, ge=2, le=1000, description="After `grace` epochs, and so many times more, 1 of n goes on."
    )


class Median(Section):
    """A trial stops whose best is worse than the median of the others' running means (Golovin et al., KDD 2017)."""

    kind: Literal["median"] = "median"
    grace: int = Field(default=1, ge=1, le=MOST_EPOCHS, description="Epochs that every trial is given.")
    samples: int = Field(default=3, ge=1, le=10_000, description="Other trials that have to have come as far.")


class Resources(Section):
    """What each worker of a trial takes."""

    cpus: float = Field(default=1.0, gt=0, le=10_000, description="CPU cores.")
    gpus: float | None = Field(
        default=None,
        ge=0,
        le=1000,
        description="GPUs; a share, such as 0.5, for trials of one worker. None: 1 where there are any.",
    )


class Search(Section):
    """A search for the best values at some places of the recipe."""

    space: dict[str, AnyDistribution] = Field(min_length=1, description="Distributions by place, such as student.lr.")
    searcher: Annotated[Random | Grid | TPE, by_kind(Random, Grid, TPE)] = TPE()
    scheduler: Annotated[NoScheduler | ASHA | Median, by_kind(NoScheduler, ASHA, Median)] = NoScheduler()
    trials: int | None = Field(default=None, ge=1, le=MOST_TRIALS, description="At most so many.")
    minutes: float | None = Field(default=None, gt=0, le=525_600, description="Time for all trials together.")
    seeds: int = Field(default=1, ge=1, le=1000, description="Students a trial, of which means are reported.")
    metric: str = Field(
        default=PRIMARY,
        description="Metric of the task by which trials are compared; `primary`: the one that the task takes.",
    )
    latency: bool = Field(default=False, description="Whether the median latency is to become small as well.")
    resources: Resources = Resources()
    concurrent: int | None = Field(
        default=None, ge=1, le=10_000, description="Trials at once; none: as many as there are resources for."
    )

    @model_validator(mode="after")
    def _check(self) -> "Search":
        problems = self._grid_problems() if isinstance(self.searcher, Grid) else self._budget_problems()
        for place in self.space:
            inside = [other for other in self.space if other.startswith(f"{place}.")]
            if inside:
                problems.append(f"space: '{inside[0]}' lies inside '{place}', which is drawn whole; drop one of them")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _grid_problems(self) -> list[str]:
        if self.trials is not None:
            return ["a grid tries every combination: drop `trials`, or take the searcher `random`"]
        counts = [len(counted) for drawn in self.distributions.values() if (counted := drawn.parameters()) is not None]
        if math.prod(counts) > MOST_TRIALS:
            return [
                f"a grid of {math.prod(counts):,} combinations; {MOST_TRIALS:,} are the most: take the searcher `random`"
            ]
        endless = [place for place, drawn in self.distributions.items() if drawn.parameters() is None]
        return [
            f"space.{place}: a grid needs values that can be counted: take `choice` or `int_uniform`"
            for place in endless
        ]

    def _budget_problems(self) -> list[str]:
        if self.trials is None and self.minutes is None:
            return ["a search needs an end: give `trials`, `minutes`, or both"]
        return []

    @property
    def distributions(self) -> dict[str, Distribution]:
        """The space."""
        return dict(self.space)
