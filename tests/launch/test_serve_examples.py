"""What the page offers to be asked is of the run's own data."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from distil.framework.data.load import load_data
from distil.framework.files import Json
from distil.framework.recipe.load import recipe_from_values
from distil.framework.recipe.schema import Recipe
from distil.framework.tasks.registry import AnyTask
from distil.launch.serve_examples import examples_of
from tests.tiny import tiny_values


def examples(recipe: Recipe) -> list[Json]:
    return examples_of(recipe, recipe.task)


@pytest.mark.parametrize(
    ("kind", "task", "fields"),
    [
        ("synthetic", "extractive_qa", ["question", "context"]),
        ("messages", "classification", ["text"]),
        ("news", "tagging", ["text"]),
    ],
)
def test_examples_come_from_all_over_the_evaluation_split(
    tmp_path: Path, kind: str, task: str, fields: list[str]
) -> None:
    source = {"kind": kind, "examples": {"train": 16, "validation": 20}}
    windows = (
        {}
        if task == "extractive_qa"
        else {"windows": {"max_length": 64, **({"doc_stride": 16} if task == "tagging" else {})}}
    )
    values = tiny_values(tmp_path, data__source=source, task={"kind": task}, **windows)
    recipe = recipe_from_values(values, "here")
    found = examples(recipe)
    split = load_data(recipe.data, recipe.task)["dev"].examples
    assert found == [{field: getattr(split[number], field) for field in fields} for number in (0, 4, 8, 12, 16)]
    for request in found:
        recipe.task.asked(recipe.task.request(**request))  # which is what they are for


def on_files(folder: Path, texts: list[str]) -> Recipe:
    rows: list[dict[str, Any]] = [{"id": str(n), "text": text, "label": "ab"[n % 2]} for n, text in enumerate(texts)]
    path = folder / "texts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = {"kind": "files", "path": {"train": str(path), "validation": str(path)}}
    task, windows = {"kind": "classification"}, {"max_length": 64}
    return recipe_from_values(tiny_values(folder, data__source=data, task=task, windows=windows), "here")


def test_long_texts_are_examples_where_there_are_no_others(tmp_path: Path) -> None:
    recipe = on_files(tmp_path, ["я" * 2000, "short", "y" * 3000, "shorter"])
    assert examples(recipe) == [{"text": "short"}, {"text": "shorter"}]
    recipe = on_files(tmp_path, [letter * 2000 for letter in "abcdefg"] + ["z" * 1500])
    assert len(examples(recipe)) == 5
    assert examples(recipe)[0] == {"text": "z" * 1500}


def test_without_the_data_there_are_none(tmp_path: Path) -> None:
    recipe = on_files(tmp_path, ["short", "shorter"])
    (tmp_path / "texts.jsonl").unlink()
    assert examples(recipe) == []


def test_what_has_nothing_to_ask_is_no_example(tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    rows = [{"text": "a"}, {"prompt": "Why?", "completion": " b"}, {"messages": [{"role": "user", "content": "c"}]}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = {"kind": "files", "path": {"train": str(path), "validation": str(path)}}
    recipe = recipe_from_values(tiny_values(tmp_path, data__source=data), "here")
    task = TypeAdapter(AnyTask).validate_python({"kind": "text"})
    assert examples(recipe.model_copy(update={"task": task})) == [{"prompt": "Why?"}]
