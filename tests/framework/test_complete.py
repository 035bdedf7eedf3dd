"""Completions that teachers write: what is chosen, that it can be learnt, and that nothing is written twice."""

import json
from pathlib import Path
from typing import Any

import pytest

import distil
from distil.framework.complete import FACTS, complete
from distil.framework.data.load import load_data
from distil.framework.data.section import Data
from distil.framework.errors import UserError
from distil.framework.recipe.load import recipe_from_values
from distil.framework.tasks.text.task import Text
from distil.launch.complete import complete_recipe
from tests.framework.tasks.text.runs import values
from tests.tiny import several_values


def settings(output: Path, **changes: Any) -> dict[str, Any]:
    longer = {"lr": 0.02, "epochs": 15, "batch_size": 16}
    usual = {
        "task": {"kind": "text", "generation": {"max_new_tokens": 32}},
        "teachers__a__fine_tune": longer,
        "teachers__b__fine_tune": longer,
    }
    return values(output, **{**usual, **changes})


def recipe(output: Path) -> Any:
    return recipe_from_values(settings(output), "here")


def test_of_what_teachers_write_the_likeliest_to_all_is_chosen_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
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
    assert len(made) == 5
    times = [path.stat().st_mtime_ns for path in made]
    path = tmp_path / "recipe.yaml"
    path.write_text(json.dumps(settings(tmp_path)), encoding="utf-8")
    elsewhere = tmp_path / "elsewhere"
    complete_recipe(path, [], "dev", elsewhere, 3, 0.7)
    said = f"{len(rows)} of 8 prompts of 'dev' have a completion"
    assert said in " ".join(capsys.readouterr().out.split())
    assert [path.stat().st_mtime_ns for path in made] == times
    assert (elsewhere / "dev.jsonl").read_bytes() == (found.folder / "dev.jsonl").read_bytes()
    data = Data.model_validate(
        {"source": {"kind": "files", "path": str(found.folder / "dev.jsonl")}, "splits": {"train": "train"}}
    )
    learnt = load_data(data, Text())["train"].examples
    assert [(one.id, one.completion) for one in learnt] == [(row["id"], row["completion"]) for row in rows]
    posterior = distil.sections.Recipe.model_validate(settings(tmp_path, ensemble={"rule": "posterior"}))
    one = distil.complete(posterior, split="dev", to=tmp_path / "greedy", progress=False)
    assert one.facts["sampling"] == {"count": 1, "temperature": 0.0, "seed": 0}
    assert one.facts["candidates"] <= 16
    assert len(one.to_pandas()) == len(one.to_dataset()) == one.facts["completed"]


def test_a_temperature_at_which_nothing_is_drawn_is_refused() -> None:
    with pytest.raises(UserError, match="drop it, or ask for several, --count 4 say"):
        complete_recipe(Path("recipe.yaml"), [], "train", None, 1, 0.7)


def test_who_cannot_write_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="models of the task extractive_qa write no completions"):
        complete(recipe_from_values(several_values(tmp_path), "here"), "dev")
    with pytest.raises(UserError, match="no split of `data` is called 'test'"):
        complete(recipe(tmp_path), "test")
