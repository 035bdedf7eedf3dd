"""Searching for a recipe's best values in Python."""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from distil._given import path_of
from distil._process import alone, as_guest
from distil.framework.errors import OutputError
from distil.framework.outcome import SearchResults, TrialResults
from distil.framework.recipe.load import recipe_from_values
from distil.framework.recipe.schema import Recipe
from distil.framework.search.log import SEARCH, read_search, recipe_of_trial
from distil.progress import Watch, progress_of
from distil.recipes import RecipeLike, load_recipe

if TYPE_CHECKING:
    import pandas  # type: ignore[import-untyped]


@dataclass(frozen=True)
class SearchRun:
    """A search, finished or not. results: search.json, as docs/search.md has it."""

    folder: Path
    results: SearchResults

    @property
    def trials(self) -> Sequence[TrialResults]:
        """Its trials, by number."""
        return self.results["trials"]

    @property
    def best(self) -> TrialResults:
        """The best trial. Raises OutputError where none is finished."""
        number = self.results["best"]
        if number is None:
            raise OutputError(f"no trial of {self.folder} is finished yet; search again to go on")
        return self.trials[number]

    @property
    def best_recipe(self) -> Recipe:
        """The recipe, without its search, with the best trial's values. Raises OutputError where no trial is finished."""
        recipe = recipe_from_values(self.results["recipe"], str(self.folder / SEARCH))
        return recipe_of_trial(recipe, self.best)

    def to_pandas(self) -> "pandas.DataFrame":
        """A row for each trial: its state, the value at each place of the space, and its metrics."""
        import pandas

        rows = [
            {"trial": one["number"], "state": one["state"], **one["values"], **(one["metrics"] or {})}
            for one in self.trials
        ]
        return pandas.DataFrame(rows).set_index("trial") if rows else pandas.DataFrame()


def search(recipe: RecipeLike, *, progress: Watch = True) -> SearchRun:
    """Search for the best values at some places of a recipe, as its section `search` says and `distil search` does, or go on with it.

    In any thread. Raises as `run` does, and OutputError where no trial was finished.
    """
    shown = progress_of(progress)
    with alone(), as_guest():
        checked = load_recipe(recipe)
        from distil.launch.search import begin_search, search_trials
        from distil.launch.search_table import LineTable

        begin_search(checked, shown)
        from distil.launch.ray_cluster import check_address

        check_address()
        search_trials(checked, shown, lambda log: LineTable(log, shown.say))
    found = load_search(checked.run_folder)
    shown.say(f"best: trial {found.best['number']}, {found.best['values']}")
    return found


def load_search(folder: "str | PathLike[str]") -> SearchRun:
    """The search in a folder, as `distil search` leaves it. Raises OutputError if there is none, StoreError for a damaged one."""
    path = path_of(folder, "the folder of a search").absolute()
    if not (path / SEARCH).is_file():
        raise OutputError(f"no search at {path}: expected a folder with {SEARCH}; `distil.search(recipe)` makes one")
    return SearchRun(path, read_search(path))
