"""Options at their old places."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from distil.framework.errors import RecipeError
from distil.framework.recipe.load import load_recipe, recipe_from_values
from tests.tiny import tiny_values


def recipe(**changes: Any) -> Any:
    return recipe_from_values(tiny_values(Path("runs"), **changes), "here")


@pytest.mark.parametrize("task", [None, {"kind": "extractive_qa"}, {"kind": "extractive_qa", "unanswerable": True}])
def test_an_option_is_read_at_its_old_place_too(task: dict[str, Any] | None) -> None:
    now = recipe(task={"kind": "extractive_qa", "unanswerable": True})
    assert recipe(data__unanswerable=True, task=task) == now
    assert now.task.unanswerable
    assert recipe(data__unanswerable=False) == recipe()


def test_it_cannot_say_two_things() -> None:
    both = {"data__unanswerable": True, "task": {"kind": "extractive_qa", "unanswerable": False}}
    with pytest.raises(RecipeError, match=r"data\.unanswerable is True and task\.unanswerable False.*drop data\.unan"):
        recipe(**both)


def test_it_is_noted(tmp_path: Path) -> None:
    path, said = tmp_path / "a.yaml", list[str]()
    path.write_text(yaml.safe_dump(tiny_values(tmp_path)), encoding="utf-8")
    assert load_recipe(path, ["data.unanswerable=true"], said.append).task.model_dump()["unanswerable"]
    assert said == [f"{path}: data.unanswerable is task.unanswerable now, and read at its old place too"]
    load_recipe(path, ["task={kind: extractive_qa, unanswerable: true}"], said.append)
    assert len(said) == 1
