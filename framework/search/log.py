"""What a search has found out, on disk: search.json, rewritten after every event, and recipe.yaml and best.yaml beside it."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distil.framework.files import make_folder, now, write_atomic, write_sealed
from distil.framework.outcome import FORMAT, Provenance, SearchResults, State, TrialResults, TrialState, read_outcome
from distil.framework.recipe.load import as_yaml
from distil.framework.recipe.schema import Recipe
from distil.framework.results import data_results
from distil.framework.search.recipes import varied
from distil.framework.search.study import ENDED, goal_of
from distil.framework.store import store_of
from distil.framework.tasks.registry import summary_of

if TYPE_CHECKING:
    from distil.framework.data.load import Split

SEARCH = "search.json"


class SearchLog:
    """The trials of a search. docs/search.md describes the file."""

    def __init__(self, recipe: Recipe, provenance: Provenance) -> None:
        """Begin the search of a recipe, or go on with it, also with one that the storage knows.

        Raises StoreError for a damaged file, OutputError.
        """
        assert recipe.search is not None
        self.recipe, self.search, self.goal = recipe, recipe.search, goal_of(recipe)
        self.folder = recipe.run_folder
        make_folder(self.folder)
        self._store = store_of(recipe)
        if not (self.folder / SEARCH).exists():
            self._store.pull(self.folder / SEARCH)
        before = read_search(self.folder) if (self.folder / SEARCH).exists() else None
        self.trials: list[TrialResults] = before["trials"] if before is not None else []
        self._seconds = before["seconds"] if before is not None else 0.0
        self._clock: float | None = None
        # Of this attempt: when trials began, how long they took, when the last one ended, on this process's clock.
        self._began: dict[int, float] = {}
        self._took: dict[int, float] = {}
        self._last = 0.0
        self.places = 1  # trials that run at once at most
        self.values: SearchResults = {
            "format": FORMAT,
            "name": recipe.name,
            "run": self.folder.name,
            "state": "running",
            "started": now(),
            "finished": None,
            "seconds": self._seconds,
            "idle": None,
            "recipe": recipe.resolved(),
            "task": summary_of(recipe.task).as_data(),
            "provenance": provenance,
            "data": before.get("data") if before is not None else None,
            "best": None,
            "front": None,
            "trials": self.trials,
        }
        self._write_recipe("recipe.yaml", recipe)
        self.save()

    @property
    def unfinished(self) -> list[int]:
        """The numbers of trials that were begun and have not ended."""
        return [trial["number"] for trial in self.trials if trial["state"] not in ENDED]

    @property
    def seconds(self) -> float:
        """Time spent on trials, over all attempts."""
        return self._seconds + (time.monotonic() - self._clock if self._clock is not None else 0.0)

    @property
    def out_of_time(self) -> bool:
        """Whether the search's minutes are over."""
        return self.search.minutes is not None and self.seconds >= 60 * self.search.minutes

    def note_data(self, data: "Mapping[str, Split]") -> None:
        """What the data are, once they are read."""
        self.values["data"] = data_results(self.recipe, data)
        self.save()

    def start_clock(self) -> None:
        """Trials begin now."""
        self._clock = time.monotonic()

    @property
    def idle(self) -> float | None:
        """The share of the time of all places for trials in which this attempt trained nothing; None before a trial has ended."""
        ended = [trial for trial in self.trials if trial["number"] in self._took]
        if not ended or self._clock is None:
            return None
        trained = sum(_trained(trial, self._took[trial["number"]]) for trial in ended)
        return max(0.0, 1 - trained / (self.places * (self._last - self._clock)))

    def add(self, parameters: dict[str, Any], values: dict[str, Any]) -> None:
        """A new trial is about to begin; its number is the next."""
        self.trials.append(
            {
                "number": len(self.trials),
                "state": "waiting",
                "reason": None,
                "parameters": parameters,
                "values": values,
                "started": None,
                "ended": None,
                "after": None,
                "epochs": [],
                "metrics": None,
                "seeds": [],
            }
        )
        self.save()

    def begin(self, number: int) -> None:
        """A trial is running, for the first time or again."""
        trial = self.trials[number]
        trial.update({"state": "running", "reason": None, "started": trial["started"] or now()})
        self._began[number] = time.monotonic()
        self.save()

    def epoch(self, number: int, row: dict[str, float]) -> bool:
        """Note the figures of a trial after an epoch; returns whether they are new."""
        epochs = self.trials[number]["epochs"]
        if any(row["epoch"] <= known["epoch"] for known in epochs):
            return False
        epochs.append(row)
        self.save()
        return True

    def finish_trial(self, number: int, outcome: dict[str, Any]) -> None:
        """A trial has come to its end; outcome: what `run_trial` returns."""
        trial = self.trials[number]
        trial.update({"metrics": outcome["metrics"], "seeds": outcome["seeds"]})
        trial["epochs"] = outcome.get("epochs", trial["epochs"])
        self._end(number, "finished", None)

    def prune(self, number: int) -> None:
        """A trial was stopped early."""
        self._end(number, "pruned", None)

    def fail(self, number: int, reason: str) -> None:
        """A trial's values are to blame: it is not tried again."""
        self._end(number, "failed", reason)

    def lose(self, number: int, reason: str) -> None:
        """A trial was lost through no fault of its values: it is tried again when the search goes on."""
        self._end(number, "lost", reason)

    def finish(self, state: State) -> None:
        """Note how the search ended; trials that were under way are stopped."""
        for trial in self.trials:
            if trial["state"] in ("waiting", "running"):
                trial["state"] = "stopped"
        self.values.update({"state": state, "finished": now()})
        self.save()

    def save(self) -> None:
        """Write search.json and, where there is a best trial, best.yaml."""
        best = self.goal.best(self.trials)
        changed = best != self.values["best"] or not (self.folder / "best.yaml").exists()
        front = self.goal.front(self.trials) if self.search.latency else None
        self.values.update({"best": best, "front": front, "seconds": self.seconds, "idle": self.idle})
        if best is not None and changed:
            self._write_recipe("best.yaml", recipe_of_trial(self.recipe, self.trials[best]))
        write_sealed(self.folder / SEARCH, self.values)
        self._store.push(self.folder / SEARCH)

    def _write_recipe(self, name: str, recipe: Recipe) -> None:
        write_atomic(self.folder / name, as_yaml(recipe))
        self._store.push(self.folder / name)

    def _end(self, number: int, state: TrialState, reason: str | None) -> None:
        self._last = time.monotonic()
        self._took[number] = self._last - self._began.get(number, self._last)
        self.trials[number].update({"state": state, "reason": reason, "ended": now(), "after": round(self.seconds, 3)})
        self.save()


def _trained(trial: TrialResults, took: float) -> float:
    """Seconds of the time that a trial took in which its students were trained; one that did not finish did nothing else."""
    seconds = sum(float(seed["metrics"]["training_seconds"]) for seed in trial["seeds"])
    return min(took, seconds) if trial["state"] == "finished" else took


def read_search(folder: Path) -> SearchResults:
    """The search in `folder`; the state `running` of one that was killed reads `failed`.

    Raises StoreError for a damaged file, or one of another format.
    """
    remedy = "delete it, in the storage too if there is one, and search again: students are kept"
    return read_outcome(folder / SEARCH, SearchResults, remedy)


def recipe_of_trial(recipe: Recipe, trial: TrialResults) -> Recipe:
    """The recipe, without its search and its dashboard, with a trial's values."""
    found = varied(recipe, trial["values"])
    return found.model_copy(update={"engine": found.engine.model_copy(update={"dashboard": False})})
