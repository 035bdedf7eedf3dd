"""What a search is after: the best value of a metric and, where it says so, a small latency."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from framework.metrics import Metric
from framework.tasks.summary import summary_in, summary_of

if TYPE_CHECKING:
    from framework.recipe.schema import Recipe

Trial = Mapping[str, Any]  # one of the trials of search.json
Direction = Literal["maximize", "minimize"]
LATENCY = "latency_median_ms"


@dataclass(frozen=True)
class Goal:
    """metric: what trials are compared by; latency: whether the median latency counts as well."""

    metric: Metric
    latency: bool

    @property
    def mode(self) -> str:
        """Which values of the metric are better, as Ray Tune says it: `max` or `min`."""
        return "max" if self.metric.higher_is_better else "min"

    @property
    def directions(self) -> list[Direction]:
        """Which values of `objectives` are better, as Optuna says it."""
        main: Direction = "maximize" if self.metric.higher_is_better else "minimize"
        return [main, "minimize"] if self.latency else [main]

    def objectives(self, trial: Trial) -> list[float]:
        """What a finished trial came to."""
        metrics = trial["metrics"]
        return [metrics[self.metric.name], *([metrics[LATENCY]] if self.latency else [])]

    def gain(self, figures: Mapping[str, float]) -> float:
        """A number that is the larger, the better figures are by the metric."""
        return self.metric.gain(figures[self.metric.name])

    def best(self, trials: Sequence[Trial]) -> int | None:
        """The number of the finished trial with the best metric, of equal ones the quickest if latency counts, or the first."""
        finished = [trial for trial in trials if trial["state"] == "finished"]
        if not finished:
            return None
        best = min(finished, key=lambda trial: [-self.gain(trial["metrics"]), *self.objectives(trial)[1:]])
        return int(best["number"])

    def front(self, trials: Sequence[Trial]) -> list[int]:
        """The numbers of the finished trials than which no other is at least as good in everything and better in something."""
        finished = [trial for trial in trials if trial["state"] == "finished"]
        figures = {trial["number"]: (self.gain(trial["metrics"]), -trial["metrics"][LATENCY]) for trial in finished}

        def beaten(own: tuple[float, float]) -> bool:
            return any(other != own and other[0] >= own[0] and other[1] >= own[1] for other in figures.values())

        return [number for number, own in figures.items() if not beaten(own)]


def goal_of(recipe: "Recipe") -> Goal:
    """What the search of a recipe is after."""
    search = recipe.search
    assert search is not None
    return Goal(summary_of(recipe.task).metric(search.metric), search.latency)


def goal_in(values: Mapping[str, Any]) -> Goal:
    """What a search was after, from its search.json."""
    section = values["recipe"]["search"]
    return Goal(summary_in(values).metric(section["metric"]), section["latency"])
