"""Recipes: what is read, and how errors are worded."""

from pathlib import Path

import pytest
import yaml

from framework.errors import RecipeError
from framework.recipe_file import load_recipe, recipe_from_values, recipe_schema
from tests.tiny import tiny_recipe, tiny_values


def problem(path: Path, *overrides: str) -> str:
    with pytest.raises(RecipeError) as caught:
        load_recipe(path, overrides)
    return str(caught.value)


def test_an_unknown_key_is_named_with_file_line_place_and_nearest_key(tmp_path: Path) -> None:
    path = tiny_recipe(tmp_path, tmp_path)
    path.write_text(path.read_text().replace("batch_size: 16", "batch_sise: 16", 1))
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if "batch_sise" in text)
    message = problem(path)
    assert message.startswith(
        f"{path}:{line}: student.batch_sise: unknown key 'batch_sise'; did you mean 'batch_size'?"
    )


def test_an_ill_typed_value_is_shown(tmp_path: Path) -> None:
    path = tiny_recipe(tmp_path, tmp_path)
    message = problem(path, "teachers.teacher.fine_tune.epochs=2.5")
    assert "teachers.teacher.fine_tune.epochs" in message
    assert "2.5" in message
    assert "student.lr" in problem(path, "student.lr=true")


def test_several_mistakes_are_all_told(tmp_path: Path) -> None:
    message = problem(tiny_recipe(tmp_path, tmp_path), "student.lr=-1", "student.epochs=0", "losses.kl.temprature=3")
    assert all(place in message for place in ("student.lr", "student.epochs", "losses.kl.temprature"))


def test_overrides_are_typed_and_make_sections(tmp_path: Path) -> None:
    path = tiny_recipe(tmp_path, tmp_path)
    recipe = load_recipe(path, ["student.lr=3e-5", "losses={jsd: {beta: 0.3}}", "evaluation.bootstrap=200"])
    assert recipe.student is not None
    assert recipe.student.lr == 3e-5
    assert recipe.evaluation.bootstrap == 200
    assert {name: loss.kind for name, loss in recipe.losses.items()} == {"jsd": "jsd"}


def test_a_resolved_recipe_reads_back_as_itself(tmp_path: Path) -> None:
    recipe = load_recipe(tiny_recipe(tmp_path, tmp_path))
    again = recipe_from_values(yaml.safe_load(yaml.safe_dump(recipe.resolved())), "here")
    assert again == recipe
    assert again.digest == recipe.digest


def test_the_digest_depends_on_what_decides_results_alone() -> None:
    first = recipe_from_values(tiny_values(Path("a")), "here")
    assert recipe_from_values(tiny_values(Path("b"), tracking={"experiment": "x"}), "here").digest == first.digest
    assert recipe_from_values(tiny_values(Path("a"), student__lr=0.5), "here").digest != first.digest


def test_the_schema_knows_every_section() -> None:
    properties = recipe_schema()["properties"]
    assert {"data", "teachers", "student", "losses", "engine", "evaluation", "tracking"} <= set(properties)
