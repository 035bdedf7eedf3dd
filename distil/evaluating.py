"""Measuring a model on data at hand, in Python."""

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pydantic import BaseModel

from distil.data import Rows, as_source, names_of
from distil.framework.config import nearest_hint
from distil.framework.errors import DataError, ModelError
from distil.framework.files import Json
from distil.framework.progress import Progress
from distil.predictor import Predictor, load
from distil.progress import Watch, progress_of
from distil.results import Model, Run
from distil.searching import SearchRun

if TYPE_CHECKING:
    from distil.framework.data.load import Split
    from distil.framework.tasks.base import Task


@dataclass(frozen=True)
class Evaluated:
    """What a model is worth on some data.

    examples: how many have a label; metrics: the task's, by name; intervals: of these the 95 % bootstrap intervals; variants: the same
    metrics under other normalisations, by its name; predictions: what it answered about each example, by id; notes: what was done to
    rows, by kind, as results.json has it.
    """

    examples: int
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    variants: Mapping[str, Mapping[str, float]]
    predictions: Mapping[str, Json]
    notes: Json


def evaluate(
    source: "str | PathLike[str] | Run | SearchRun | Model | Predictor[BaseModel]",
    data: "str | PathLike[str] | Rows",
    *,
    model: str | None = None,
    fields: Mapping[str, str] | None = None,
    progress: Watch = True,
) -> Evaluated:
    """Measure a model on examples with labels, as `distil evaluate` does.

    source, model: as `load` takes them, or what it gave; data: the path of a file, or the rows of a split as `as_source` takes them;
    fields: other names of columns, by default those of the run's recipe or else the task's own; progress: as of `run`. Raises DataError
    for data that cannot be read or have no labels, and as `load` does.
    """
    if isinstance(source, Predictor) and model not in (None, source.name):
        raise ModelError(f"`model` is '{model}', and the source the model '{source.name}' itself: drop `model`")
    predictor = source if isinstance(source, Predictor) else load(source, model)
    task, shown = predictor.answerer.inference.task, progress_of(progress)
    split = _read(data, fields, _folder(source), task, shown)
    from distil.framework.data.example import counted
    from distil.launch.evaluate import no_labels, scored

    if not any(example.labelled for example in split.examples):
        raise DataError(f"{no_labels(split, task)}; `distil.load(...).predict` answers what has none")
    found = predictor.answerer.predictor.predict(split.examples, shown, f"evaluate {predictor.name}")
    scores = scored(task, split, found)
    return Evaluated(scores.examples, scores.metrics, scores.intervals, scores.variants, found, counted(split.notes))


def _read(
    data: "str | PathLike[str] | Rows",
    fields: Mapping[str, str] | None,
    run: Path | None,
    task: "Task",
    shown: Progress,
) -> "Split":
    from distil.launch.evaluate import fields_of_recipe, read_questions, renames

    given, legal = names_of(fields), [asked.name for asked in task.fields]
    wrong = next((name for name in given if name not in legal), None)
    if wrong is not None:
        raise DataError(f"fields: unknown name '{wrong}'; {nearest_hint(wrong, legal)}")
    by_recipe = run is not None and renames(run)
    candidates = [given] if given else [*(() if run is None else fields_of_recipe(run)), {}]
    if isinstance(data, str | PathLike):
        return read_questions(Path(data), candidates, task, shown.say, by_recipe)
    if isinstance(data, Mapping):
        raise DataError(
            f"expected the rows of one split, found several, by name: {', '.join(map(str, data))}; give one of them"
        )
    with TemporaryDirectory() as folder:
        path = as_source(data, folder=folder).path
        assert isinstance(path, dict)
        try:
            return read_questions(Path(path["train"]), candidates, task, shown.say)
        except DataError as error:
            raise DataError(str(error).replace(path["train"], "the data")) from None


def _folder(source: "str | PathLike[str] | Run | SearchRun | Model | Predictor[BaseModel]") -> Path | None:
    """The run or search of which a model is, if that is known."""
    if isinstance(source, Predictor):
        return None
    if isinstance(source, Model):
        return source.run
    return source.folder if isinstance(source, Run | SearchRun) else Path(source)
