"""The recipe's `search` section: what is varied, how trials are chosen, stopped and scheduled."""

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from framework.config import MOST_EPOCHS, Section, Seed
from framework.plugins import by_kind
from framework.search.space import AnyDistribution, Distribution

MOST_TRIALS = 100_000
PRIMARY = "primary"


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
