"""`distil best`: what a search has found."""

import sys
from pathlib import Path
from shlex import quote

from framework.errors import OutputError
from framework.export.folder import copy_model, new_folder
from framework.files import Json
from framework.outcome import SearchResults, TrialResults
from framework.search.log import SEARCH, read_search, recipe_of_trial
from launch.quiet import be_quiet


def show_best(run: Path, to: Path | None, number: int | None) -> None:
    """Print the recipe of a trial, by default of the best, and copy its student. Raises OutputError or RecipeError."""
    be_quiet()
    from framework.recipe.load import recipe_from_values
    from framework.run import as_yaml

    if not (run / SEARCH).is_file():
        raise OutputError(f"no search at {run}: expected a folder with {SEARCH}; `distil search RECIPE` makes one")
    values = read_search(run)
    trial = _trial(run, values, number)
    recipe = recipe_from_values(values["recipe"], str(run / SEARCH))
    if to is not None:
        with new_folder(to) as folder:
            copy_model(run.absolute().parent / trial["seeds"][0]["folder"], folder)
        print(f"the student of trial {trial['number']} is in {to}", file=sys.stderr)
    print(as_yaml(recipe_of_trial(recipe, trial)), end="")


def run_of_best(run: Path) -> Path:
    """The folder of the run of a search's best trial, as `distil run` on its recipe leaves it. Raises OutputError without
    a best trial."""
    from framework.recipe.load import recipe_from_values

    values = read_search(run)
    recipe = recipe_from_values(values["recipe"], str(run / SEARCH))
    return run.absolute().parent / recipe_of_trial(recipe, _trial(run, values, None)).run_folder.name


def best_student(run: Path) -> Json:
    """The student of a search's best trial, as search.json has it. Raises OutputError, StoreError."""
    return dict(_trial(run, read_search(run), None)["seeds"][0])


def _trial(run: Path, values: SearchResults, number: int | None) -> TrialResults:
    chosen = values["best"] if number is None else number
    if chosen is None:
        raise OutputError(
            f"no trial of {run} is finished yet; `distil resume {quote(str(run))}` goes on with the search"
        )
    trials = {trial["number"]: trial for trial in values["trials"]}
    if chosen not in trials or trials[chosen]["state"] != "finished":
        finished = [str(found["number"]) for found in trials.values() if found["state"] == "finished"]
        raise OutputError(f"{run} has no finished trial {chosen}; finished are {', '.join(finished)}")
    return trials[chosen]
