"""Recipes: what is read, and how errors are worded."""

from pathlib import Path

import pytest
import yaml

from distil.framework.errors import RecipeError
from distil.framework.recipe.load import load_recipe, recipe_from_values, recipe_schema
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


def test_null_drops_what_the_file_says(tmp_path: Path) -> None:
    path = tiny_recipe(tmp_path, tmp_path)
    recipe = load_recipe(path, ["student=null", "losses=null", "baselines=null", "search=null"])
    assert recipe.student is None
    assert list(recipe.losses) == ["hard_label"]
    assert load_recipe(path, ["windows=null", "engine.precision=null"]).windows.max_length == 384
    assert load_recipe(path, ["student=null", "losses=null", "baselines=null", "losses=null"]) == load_recipe(
        path, ["student=null", "losses=null", "baselines=null"]
    )
    with_empty_term = tiny_recipe(tmp_path / "empty", tmp_path, losses={"kl": {}, "mse_logits": None})
    assert list(load_recipe(with_empty_term).losses) == ["kl", "mse_logits"]
    assert list(load_recipe(with_empty_term, ["losses.mse_logits=null"]).losses) == ["kl"]
    assert "did you mean 'student'" in problem(path, "studnet=null")
    assert "windows.max_length is 64" in problem(path, "windows.max_length.deep=null")


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


def test_an_override_leaves_other_uses_of_an_aliased_section_alone(tmp_path: Path) -> None:
    values = tiny_values(tmp_path)
    values["windows"] = values["teachers"]["teacher"]["windows"] = {**values["windows"]}
    path = tmp_path / "aliased.yaml"
    path.write_text(yaml.safe_dump(values))
    assert "*id001" in path.read_text()
    recipe = load_recipe(path, ["windows.max_question=5"])
    assert recipe.windows.max_question == 5
    assert recipe.teachers["teacher"].windows is not None
    assert recipe.teachers["teacher"].windows.max_question == 24


def test_an_override_leaves_what_was_merged_elsewhere_alone(tmp_path: Path) -> None:
    path = tiny_recipe(tmp_path, tmp_path, ensemble={"rule": "mean"})
    text = path.read_text().replace("\n  teacher:\n", "\n  teacher: &teacher\n")
    path.write_text(text.replace("\ntracking:", "\n  other: {<<: *teacher, temperature: 2.0}\ntracking:"))
    recipe = load_recipe(path, ["teachers.other.fine_tune.lr=0.5"])
    teacher, other = recipe.teachers["teacher"], recipe.teachers["other"]
    assert teacher.fine_tune is not None
    assert other.fine_tune is not None
    assert (teacher.temperature, other.temperature) == (1.0, 2.0)
    assert (teacher.fine_tune.lr, other.fine_tune.lr) == (0.001, 0.5)
    assert teacher.model == other.model


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("student.lr", "expected PLACE=VALUE"),
        ("=3", "expected PLACE=VALUE"),
        ("student..lr=3", "expected PLACE=VALUE"),
        ("student.lr=[1", "the value is not legal YAML"),
        ("student.lr.deep=1", "student.lr is 0.001, not a section"),
        ("student.lr=fast", "student.lr: input should be a valid number (found 'fast')"),
        ("seed=4294967296", "seed: input should be less than 2147483648"),
        ("student.lr=", "student.lr: input should be a valid number (found None)"),
        ("student.epoch=3", "did you mean 'epochs'"),
        ("name=no", "name: input should be a valid string (found False); put it into quotes, as no and yes"),
        ("studnet.epochs=3", "did you mean 'student'"),
        ("losses.kl.kind=lk", "unknown kind 'lk'"),
        ("engine.zero_stage=5", "engine.zero_stage: input should be 0, 1, 2 or 3 (found 5)"),
        ("data.source.examples.train=many", "data.source.examples.train"),
        ("windows=3", "windows"),
    ],
)
def test_an_override_that_cannot_be_is_explained(tmp_path: Path, override: str, message: str) -> None:
    assert message in problem(tiny_recipe(tmp_path, tmp_path), override)


def test_a_password_in_an_override_is_not_repeated(tmp_path: Path) -> None:
    said = problem(tiny_recipe(tmp_path, tmp_path), "tracking.uri=http://me:pw99@host")
    assert "override 'tracking.uri=http://me:…@host': tracking.uri: holds a password" in said
    assert "pw99" not in said


def test_a_wrong_override_is_blamed_and_not_the_line_that_it_replaces(tmp_path: Path) -> None:
    path = tiny_recipe(tmp_path, tmp_path)
    message = problem(path, "student.lr=1", "student.lr=fast", "windows={max_length: 64, max_question: many}")
    assert "override 'student.lr=fast': student.lr: input should be a valid number" in message
    assert "override 'windows={max_length: 64, max_question: many}': windows.max_question" in message
    assert str(path) not in message


def test_a_default_that_follows_from_a_wrong_value_is_not_told(tmp_path: Path) -> None:
    path = tiny_recipe(tmp_path, tmp_path)
    (line,) = problem(path, "data.splits=null", "data.cut={shares: {train: 0.9, dev: 0.4}}").splitlines()
    assert "the shares add up to 1.3" in line


def test_the_line_is_that_of_the_key_also_deep_in_lists_and_unions(tmp_path: Path) -> None:
    path = tiny_recipe(tmp_path, tmp_path, student__model={"kind": "layers", "teacher": "teacher", "layers": [0, "x"]})
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if text.strip() == "- x")
    assert problem(path).startswith(f"{path}:{line}: student.model.layers.1: ")


def test_a_recipe_that_is_not_there_names_its_neighbours(tmp_path: Path) -> None:
    path = tiny_recipe(tmp_path, tmp_path)
    assert str(path) in problem(tmp_path / "tyni.yaml")
