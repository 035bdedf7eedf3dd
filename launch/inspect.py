"""Commands that look at a finished run: report, track."""

from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from framework.errors import OutputError
from framework.files import Json
from framework.outcome import ModelResults, RunResults
from framework.results import model_of, read_results
from framework.search.log import SEARCH, read_search
from framework.tasks.summary import TaskSummary, summary_in
from launch.best import best_student
from launch.quiet import be_quiet

if TYPE_CHECKING:
    from pydantic import BaseModel

    from framework.answer import Answerer


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
