"""Choosing what to try next, with Optuna; what was tried before is told to it again."""

import itertools
import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.search.goal import Goal, Trial
from framework.search.section import TPE, Grid, Search

if TYPE_CHECKING:
    import optuna
    from optuna.samplers import BaseSampler


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
