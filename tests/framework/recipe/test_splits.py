"""Labels of splits that a student learns without them decide nothing."""

import json
from pathlib import Path
from typing import Any

import pytest

from distil.framework.data.load import load_data, load_split
from distil.framework.errors import DataError
from distil.framework.export.finished_run import FinishedRun
from distil.framework.outcome import RunResults
from distil.framework.progress import SILENT, Silent
from distil.framework.recipe.load import recipe_from_values
from distil.framework.recipe.schema import Recipe
from distil.framework.recipe.splits import fitted_task
from distil.framework.run import prepare
from distil.framework.tasks.base import Task
from tests.tiny import tiny_values

TASKS: dict[str, dict[str, Any]] = {
    "labels": {"kind": "classification"},
    "numbers": {"kind": "classification", "problem_type": "regression"},
    "tags": {"kind": "tagging"},
}


def row(kind: str, number: int, label: int) -> dict[str, Any]:
    if kind == "tags":
        return {"tokens": ["Anna", str(number)], "tags": [f"B-{label}", "O"]}
    return {"text": f"text {number}", "label" if kind == "labels" else "value": label}


def recipe_of(kind: str, folder: Path, pool: int, **changes: Any) -> Recipe:
    """Labels are 0 and 1, and `pool` of the last ten rows, from which the student learns without them."""
    rows = [row(kind, number, number % 2) for number in range(30)] + [row(kind, 30 + n, pool) for n in range(10)]
    path = folder / f"{kind} {pool}.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    values = tiny_values(folder / "runs", task=TASKS[kind], windows__max_question=None, student__unlabelled=["pool"])
    values["windows"] = {"max_length": 64, **({"doc_stride": 16} if kind == "tags" else {})}
    splits = {"train": "all[:20]", "dev": "all[20:30]", "pool": "all[30:]"}
    values["data"] = {"source": {"kind": "files", "path": {"all": str(path)}}, "splits": splits}
    for place, value in changes.items():
        section, key = place.split("__")
        values[section][key] = value
    return recipe_from_values(values, "here")


def fitted(recipe: Recipe) -> Task:
    return fitted_task(recipe, load_data(recipe.data, recipe.task))


@pytest.mark.parametrize("kind", TASKS)
def test_labels_that_only_unlabelled_splits_have_are_no_classes(kind: str, tmp_path: Path) -> None:
    known, others = (fitted(recipe_of(kind, tmp_path, pool)) for pool in (1, 2))
    assert known == others
    counted = fitted(
        recipe_of(kind, tmp_path, 2, evaluation__split="pool", data__splits={"train": "all[:20]", "pool": "all[30:]"})
    )
    assert counted != known


class Noting(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, message: str) -> None:
        self.said.append(message)


NAMED: dict[str, dict[str, Any]] = {
    "labels": {"labels": ["0", "1"]},
    "numbers": {"range": [0.0, 1.0]},
    "tags": {"labels": ["O", "B-0", "B-1"]},
}


@pytest.mark.parametrize("kind", TASKS)
def test_nor_are_they_refused_where_the_recipe_names_others(kind: str, tmp_path: Path) -> None:
    progress = Noting()
    named = TASKS[kind] | NAMED[kind]
    recipe = recipe_of(kind, tmp_path, 2)
    recipe = recipe.model_copy(update={"task": type(recipe.task).model_validate(named)})
    context, _ = prepare(recipe, progress=progress)
    assert [one.labelled for one in context.data["pool"].examples] == [False] * 10
    assert all(one.labelled for name in ("train", "dev") for one in context.data[name].examples)
    assert "left out" in next(line for line in progress.said if line.startswith("all: "))
    for name in ("dev", "pool"):
        assert load_split(recipe.data, recipe.task, name).digest == context.data[name].digest
    with pytest.raises(DataError, match=r"task\.(labels|range)"):
        prepare(recipe.model_copy(update={"evaluation": recipe.evaluation.model_copy(update={"split": "pool"})}))


def test_whoever_reads_the_data_of_a_run_again_finds_them(tmp_path: Path) -> None:
    """Labels that the run knows not stand in the same file as those that it was measured by."""
    recipe = recipe_of("labels", tmp_path, 2)
    context, _ = prepare(recipe)
    noted: Any = {"task": {"settings": context.task.model_dump(mode="json")}}
    noted["data"] = {"splits": {"dev": {"digest": context.data["dev"].digest}}}
    results: RunResults = noted
    assert FinishedRun(results, recipe, tmp_path).examples(SILENT) == context.data["dev"].examples
