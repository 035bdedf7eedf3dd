"""Finished runs and searches as commands look at them; `distil best`: what a search has found."""

import sys
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from framework.errors import OutputError
from framework.export.export import copy_model, new_folder
from framework.files import Json
from framework.outcome import ModelResults, RunResults, SearchResults, TrialResults
from framework.results import model_of, read_results
from framework.search.log import SEARCH, read_search, recipe_of_trial
from framework.tasks.registry import TaskSummary, summary_in
from launch.quiet import be_quiet

if TYPE_CHECKING:
    from pydantic import BaseModel

    from framework.answer import Answerer


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


def shown(response: "BaseModel") -> Json:
    """A response as it is printed: fractions with four places."""
    values: Json = _rounded(response.model_dump(mode="json"))
    return values


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    return round(value, 4) if isinstance(value, float) else value


def results_of(run: Path) -> RunResults:
    """The results of a run. Raises OutputError if there are none, StoreError as read_results does."""
    try:
        return read_results(run)
    except (FileNotFoundError, NotADirectoryError):
        if (run / SEARCH).is_file():
            raise OutputError(
                f"{run} is a search and no run: `distil report --html {quote(str(run))}` makes a page of it, and `distil best "
                f"{quote(str(run))}` prints the recipe of its best trial"
            ) from None
        near = sorted(str(path.parent) for path in Path("runs").glob("*/results.json"))
        hint = f"; here are {', '.join(near[:8])}" if near else "; `distil run RECIPE` makes one"
        raise OutputError(f"no run at {run}: expected a folder with results.json{hint}") from None


def answerer_of(source: Path, model: str | None, many: bool = False) -> "Answerer":
    """The model of a saved folder, one of a run, or the student of a search's best trial.

    many: whether it will be asked many questions at a time. Raises DistilError.
    """
    be_quiet()
    folder = _model_folder(source, model)
    from framework.answer import load_answerer
    from launch.quiet import quiet_transformers

    quiet_transformers()
    return load_answerer(folder, many)


def _model_folder(source: Path, name: str | None) -> Path:
    only = only_model(source, name)
    return only.folder if only is not None else folder_of(source, model_of(source, results_of(source), name))


@dataclass(frozen=True)
class OnlyModel:
    """The one model that a folder stands for; metrics: what is known of it, by the task's names."""

    folder: Path
    role: str
    metrics: Json
    task: TaskSummary


def only_model(source: Path, name: str | None) -> OnlyModel | None:
    """A saved model, or the student of a search's best trial; None where `source` is neither, but may be a run.

    Raises OutputError for a `name`, which only models of a run have, and for a search without a best trial.
    """
    saved, search = (source / "config.json").exists(), (source / SEARCH).is_file()
    if name is not None and (saved or search):
        raise OutputError(
            f"--model names a model of a run, and {source} is a {'saved model' if saved else 'search'}: drop --model"
        )
    if saved:
        return OnlyModel(source, "model", {}, summary_in({}))
    if not search:
        return None
    student = best_student(source)
    task = summary_in(read_search(source))
    return OnlyModel(source.absolute().parent / student["folder"], "student", student["metrics"], task)


def folder_of(run: Path, model: ModelResults) -> Path:
    """The folder of a run's model, by its entry in the results. Raises OutputError if nothing can be loaded from it."""
    if model["folder"] is None:
        raise OutputError(
            f"'{model['name']}' has no model of its own: ask one of the teachers that have one, or the student"
        )
    folder: Path = run.absolute().parent / model["folder"]
    if not (folder / "config.json").exists():
        if model["evaluation"] is not None:
            raise OutputError(
                f"model '{model['name']}' of {run} is not at {folder}: models lie in the store beside the run's folder; put both back "
                "where they were, or run the recipe again"
            )
        raise OutputError(f"model '{model['name']}' of {run} is not trained yet; run its recipe again to finish it")
    return folder
