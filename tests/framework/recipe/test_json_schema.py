"""The JSON schema, as editors read it."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from distil.framework.recipe.load import recipe_schema
from distil.framework.recipe.yaml_loader import StrictLoader
from tests.tiny import tiny_values

RECIPES = sorted((Path(__file__).parents[3] / "recipes").glob("**/*.yaml"))
EDITOR = Draft202012Validator(recipe_schema())


def complaints(**changes: Any) -> list[str]:
    """What is wrong with the tiny recipe, so changed, and where, to the members of unions."""
    errors = list(EDITOR.iter_errors(tiny_values(Path("runs"), **changes)))
    for error in errors:
        errors.extend(error.context or ())
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in errors]


def unbounded(node: Any, place: str = "") -> list[str]:
    """Places of numbers in a JSON schema that lack a lower or an upper bound."""
    if isinstance(node, list):
        return [found for number, value in enumerate(node) for found in unbounded(value, f"{place}.{number}")]
    if not isinstance(node, dict):
        return []
    found = [found for key, value in node.items() for found in unbounded(value, f"{place}.{key}")]
    bounds = {"minimum", "exclusiveMinimum"} & node.keys() and {"maximum", "exclusiveMaximum"} & node.keys()
    is_number = node.get("type") in ("integer", "number") and "enum" not in node and "const" not in node
    return [*found, place] if is_number and not bounds else found


def test_every_number_has_a_lower_and_an_upper_bound() -> None:
    schema = recipe_schema()
    assert unbounded(schema) == []
    del schema["$defs"]["Student"]["properties"]["lr"]["maximum"]
    assert unbounded(schema) == [".$defs.Student.properties.lr"]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_the_recipes_that_come_with_distil_are_legal(path: Path) -> None:
    EDITOR.validate(yaml.load(path.read_text(encoding="utf-8"), Loader=StrictLoader))


@pytest.mark.parametrize(
    ("place", "section"),
    [
        ("data.source", {"examples": {"train": 96, "validation": 24}}),
        ("task", {"n_best": 5}),
        ("teachers.teacher", {"model": {"kind": "hub", "id": "a/b"}}),
        ("student.model", {"id": "a/b"}),
        ("student.tokenizer", {"lower_case": True}),
        ("ensemble", {"weights": "f1"}),
        ("losses.soft", {"temperature": 4.0}),
    ],
)
def test_a_kind_that_is_left_out_is_marked(place: str, section: dict[str, Any]) -> None:
    field = "rule" if place == "ensemble" else "kind"
    assert f"{place}: '{field}' is a required property" in complaints(**{place.replace(".", "__"): section})


@pytest.mark.parametrize(
    "losses", [{"kl": {"temperature": 4.0}, "hard_label": None}, {"soft": {"kind": "kl"}}, {"kl": {"kind": "jsd"}}]
)
def test_a_losss_name_stands_for_its_kind(losses: dict[str, Any]) -> None:
    assert complaints(losses=losses) == []


@pytest.mark.parametrize("losses", [{}, {"kl": {"temprature": 4.0}}, {"kl": {"kind": "jsd", "gamma": 4.0}}])
def test_losses_that_cannot_be_are_marked(losses: dict[str, Any]) -> None:
    assert complaints(losses=losses) != []
