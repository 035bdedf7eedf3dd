"""Completions that teachers write: what is chosen, that it can be learnt, and that nothing is written twice."""

import json
from pathlib import Path
from typing import Any

import pytest

from distil.framework.complete import FACTS, complete
from distil.framework.data.load import load_data
from distil.framework.data.section import Data
from distil.framework.errors import UserError
from distil.framework.recipe.load import recipe_from_values
from distil.framework.tasks.text.task import Text
from tests.framework.tasks.text.runs import values
from tests.tiny import several_values


def recipe(output: Path, **changes: Any) -> Any:
    longer = {"lr": 0.02, "epochs": 15, "batch_size": 16}
    usual = {
        "task": {"kind": "text", "generation": {"max_new_tokens": 32}},
        "teachers__a__fine_tune": longer,
        "teachers__b__fine_tune": longer,
    }
    return recipe_from_values(values(output, **{**usual, **changes}), "here")


def test_of_what_teachers_write_the_likeliest_to_all_is_chosen_and_kept(tmp_path: Path) -> None:
    found = complete(recipe(tmp_path), "dev", count=3, temperature=0.7)
    rows = [json.loads(line) for line in (found.folder / "dev.jsonl").open(encoding="utf-8")]
    assert json.loads((found.folder / FACTS).read_text()) == found.facts
    assert found.facts["prompts"] == 8
    assert 0 < len(rows) == found.facts["completed"] <= 8
    assert sum(row["candidates"] for row in rows) == found.facts["candidates"] > len(rows)
    assert sum(found.facts["by"].values()) == len(rows)
    made = [
        *(tmp_path / "store/completions").glob("*/manifest.json"),
        *(tmp_path / "store/signals").glob("*/manifest.json"),
    ]
    assert len(made) == 4
    times = [path.stat().st_mtime_ns for path in made]
    again = complete(recipe(tmp_path), "dev", tmp_path / "elsewhere", count=3, temperature=0.7)
    assert [path.stat().st_mtime_ns for path in made] == times
    assert (again.folder / "dev.jsonl").read_bytes() == (found.folder / "dev.jsonl").read_bytes()
    data = Data.model_validate(
        {"source": {"kind": "files", "path": str(found.folder / "dev.jsonl")}, "splits": {"train": "train"}}
    )
    learnt = load_data(data, Text())["train"].examples
    assert [(one.id, one.completion) for one in learnt] == [(row["id"], row["completion"]) for row in rows]
    one = complete(recipe(tmp_path, ensemble={"rule": "posterior"}), "dev", tmp_path / "greedy")
    assert one.facts["sampling"] == {"count": 1, "temperature": 0.0, "seed": 0}
    assert one.facts["candidates"] <= 16


def test_who_cannot_write_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="models of the task extractive_qa write no completions"):
        complete(recipe_from_values(several_values(tmp_path), "here"), "dev")
    with pytest.raises(UserError, match="no split of `data` is called 'test'"):
        complete(recipe(tmp_path), "test")
