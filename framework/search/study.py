"""What a search is after, the best value of a metric and, where it says so, a small latency; and choosing what to try next, with
Optuna, which is told again what was tried before."""

import itertools
import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from distil.framework.metrics import Metric
from distil.framework.search.section import TPE, Grid, Search
from distil.framework.tasks.registry import summary_in, summary_of

if TYPE_CHECKING:
    import optuna
    from optuna.samplers import BaseSampler

    from distil.framework.recipe.schema import Recipe

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


class Study:
    """Gives every trial its values. The same trials before give the same values, also after a restart."""

    def __init__(self, search: Search, goal: Goal) -> None:
        import optuna

        optuna.logging.set_verbosity(logging.ERROR)
        warnings.filterwarnings("ignore", module="optuna")
        self._search, self._goal = search, goal
        self._study = optuna.create_study(directions=goal.directions)
        self._asked: dict[int, optuna.Trial] = {}
        self._grid = list(_grid(search)) if isinstance(search.searcher, Grid) else None

    @property
    def optuna(self) -> "optuna.Study":
        """Optuna's own study, for its analyses."""
        return self._study

    @property
    def size(self) -> int | None:
        """How many trials there are at most; None: no limit."""
        return len(self._grid) if self._grid is not None else self._search.trials

    def ask(self, number: int, known: Mapping[str, Any] | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
        """The parameters and the values of trial `number`, by place; `known` parameters of one begun before."""
        fixed = self._grid[number] if self._grid is not None else known
        if fixed is not None:
            self._study.enqueue_trial(dict(fixed))
        self._study.sampler = self._sampler(number)
        trial = self._study.ask()
        values = {place: drawn.suggest(trial, place) for place, drawn in self._search.distributions.items()}
        self._asked[number] = trial
        return dict(trial.params), values

    def tell(self, trial: Trial) -> None:
        """Tell how a trial that was asked for has ended."""
        from optuna.trial import TrialState

        asked = self._asked.pop(trial["number"])
        if trial["state"] == "finished":
            self._study.tell(asked, self._goal.objectives(trial))
        elif trial["state"] == "pruned":
            if not self._goal.latency:  # Optuna takes figures on the way only for a single objective
                for row in trial["epochs"]:
                    asked.report(row[self._goal.metric.name], row["epoch"])
            self._study.tell(asked, state=TrialState.PRUNED)
        else:
            self._study.tell(asked, state=TrialState.FAIL)

    def _sampler(self, number: int) -> "BaseSampler":
        """A new one for every trial, so that what it draws does not depend on how often it was started."""
        import optuna

        searcher = self._search.searcher
        if isinstance(searcher, Grid):
            return optuna.samplers.RandomSampler(seed=0)  # has nothing to draw
        seed = int(np.random.SeedSequence([searcher.seed, number]).generate_state(1)[0])
        if isinstance(searcher, TPE):
            return optuna.samplers.TPESampler(seed=seed, n_startup_trials=searcher.startup, constant_liar=True)
        return optuna.samplers.RandomSampler(seed=seed)


def study_of(search: Search, goal: Goal, trials: Sequence[Trial]) -> Study:
    """A study that knows these trials, numbered from 0; those that have not ended are known to be under way."""
    study = Study(search, goal)
    for trial in trials:
        study.ask(trial["number"], trial["parameters"])
        if trial["state"] in ENDED:
            study.tell(trial)
    return study


ENDED = ("finished", "pruned", "failed")


def _grid(search: Search) -> list[dict[str, Any]]:
    columns = [drawn.parameters() or [] for drawn in search.distributions.values()]
    return [dict(zip(search.space, row, strict=True)) for row in itertools.product(*columns)]
