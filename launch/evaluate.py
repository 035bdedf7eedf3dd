"""`distil evaluate`: a model measured on a file of questions."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from distil.framework.config import nearest_hint
from distil.framework.errors import DataError, OutputError, UserError
from distil.framework.files import Json, write_json
from distil.framework.language.words import ENGLISH
from distil.framework.progress import SILENT
from distil.framework.search.log import SEARCH, read_search
from distil.launch.inspect import results_of
from distil.launch.quiet import be_quiet

if TYPE_CHECKING:
    from distil.framework.data.load import Split
    from distil.framework.tasks.base import Plain, Task
    from distil.framework.tasks.reports import Scores


def evaluate_model(
    source: Path, model: str | None, data: Path, fields: list[str], predictions: Path | None, as_json: bool
) -> None:
    """Measure a model on a file and print its metrics. fields: NAME=COLUMN, other names of columns; without any, those of the
    run's recipe are tried first. Raises DataError for a file that cannot be read, UserError."""
    if predictions is not None and predictions.is_dir():
        raise OutputError(f"--predictions {predictions} is a folder; name a file")
    if predictions is not None and not predictions.absolute().parent.is_dir():
        raise OutputError(f"--predictions {predictions}: there is no folder {predictions.parent}; make it first")
    if predictions is not None and predictions.exists() and data.exists() and predictions.samefile(data):
        raise OutputError(f"--predictions would write over the data in {data}; name another file")
    be_quiet()
    from distil.launch.serve_models import answerer_of

    answerer = answerer_of(source, model, many=True)
    task = answerer.inference.task
    given = fields_given(fields, [asked.name for asked in task.fields])
    from distil.framework.data.example import counted, described
    from distil.launch.console import console_progress, note

    split = read_questions(data, [given] if fields else [*fields_of_recipe(source), given], task, note, renames(source))
    labelled = any(example.labelled for example in split.examples)
    if predictions is None and not labelled:
        raise DataError(f"{data}: {no_labels(split, task)}; --predictions FILE keeps what the model answers")
    found = answerer.predictor.predict(split.examples, console_progress(), "evaluate")
    if predictions is not None:
        write_json(predictions, found)
    if not labelled:
        told = {"examples": 0, "notes": counted(split.notes)}
        print(json.dumps(told) if as_json else f"{data}: no labels to measure by; {predictions} has the answers")
        return
    scores = scored(task, split, found)
    if as_json:
        print(
            json.dumps(
                {
                    "examples": scores.examples,
                    **scores.metrics,
                    "intervals": scores.intervals,
                    **scores.variants,
                    "notes": counted(split.notes),
                }
            )
        )
        return
    counts = f"{ENGLISH.counted(task.items, scores.examples)} with a label ({split.repaired} repaired, {split.dropped} dropped)"
    print(f"{data}: {counts}")
    for line in described(split.notes, task.items):
        print(f"  {line}")
    named = {metric.name: metric for metric in answerer.inference.task.metrics}

    def text(name: str, value: float) -> str:
        return named[name].text(value, 2) if name in named else f"{value:.2f}"

    for name, value in scores.metrics.items():
        figures = [value, *scores.intervals.get(name, ())]
        shown, *bounds = named[name].beside(figures, 2) if name in named else [f"{one:.2f}" for one in figures]
        print(f"  {name}: {shown}" + (f" [{', '.join(bounds)}]" if bounds else ""))
    for variant, metrics in scores.variants.items():
        print(f"  {variant}: " + ", ".join(f"{name} {text(name, value)}" for name, value in metrics.items()))


def no_labels(split: "Split", task: "Task") -> str:
    """That nothing can be measured on a split without labels, in words."""
    from distil.framework.data.example import why_unlabelled

    return f"none of the {task.items} has a label to compare with{why_unlabelled(split.examples)}"


def scored(task: "Task", split: "Split", predictions: "Plain") -> "Scores":
    """What predictions are worth on a split with labels."""
    return task.score(split.examples, predictions, resamples=1000, seed=0)


def read_questions(
    path: Path,
    candidates: list[dict[str, str]],
    task: "Task",
    say: Callable[[str], None] = SILENT.say,
    renames: bool = False,
) -> "Split":
    """The questions of a file, by the first names of columns that fit. say: takes it where these are not the usual ones; renames: see
    `renames`. Raises DataError as the first of them does."""
    from distil.framework.data.load import load_data
    from distil.framework.data.local_files import Files
    from distil.framework.data.section import Data

    refused: list[DataError] = []
    for fields in candidates:
        try:
            source = Files.model_validate({"path": {"file": str(path)}, "fields": fields})
            split = load_data(Data(source=source, splits={"file": "file"}), task, renames=renames)["file"]
        except DataError as error:
            refused.append(error)
            continue
        except ValidationError as error:
            raise DataError(f"the data: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from None
        if len(candidates) > 1 and fields:
            say(f"columns as the recipe names them: {_told(fields)}")
        return split
    raise refused[0]


def fields_given(fields: list[str], legal: list[str]) -> dict[str, str]:
    """What --field says. legal: what columns may be named for. Raises UserError."""
    names: dict[str, str] = {}
    for field in fields:
        name, equals, column = field.partition("=")
        if not equals or not column or name in names:
            wrong = f"names '{name}' a second time" if name in names else "is no NAME=COLUMN"
            raise UserError(f"--field {field} {wrong}; expected for example --field context=passage")
        if name not in legal:
            raise UserError(f"--field {field}: unknown name '{name}'; {nearest_hint(name, legal)}")
        names[name] = column
    return names


def renames(source: Path) -> bool:
    """Whether the recipe of a run or a search names labels, by which it may rename those of its files, and so of others like them."""
    return bool(_recipe_of(source).get("task", {}).get("labels"))


def _recipe_of(source: Path) -> Json:
    """The recipe of a run or a search; nothing of a saved model."""
    if (source / "config.json").exists():
        return {}
    found: Json = (read_search(source) if (source / SEARCH).is_file() else results_of(source))["recipe"]
    return found


def fields_of_recipe(source: Path) -> Iterator[dict[str, str]]:
    """The names of columns in the recipe of a run or a search, if it gives any."""
    from distil.framework.data.local_files import Files

    recipe = _recipe_of(source)
    try:
        fields = Files.model_validate({"path": "file", "fields": recipe["data"]["source"]["fields"]}).fields
    except (ValidationError, KeyError, TypeError):
        return
    if fields:
        yield fields


def _told(fields: dict[str, str]) -> str:
    return ", ".join(f"{name}={column}" for name, column in fields.items())
