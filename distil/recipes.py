"""Recipes, from files or from code."""

import json
from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import TypeAlias

from pydantic import BaseModel

from distil.framework.config import shown
from distil.framework.errors import RecipeError
from distil.framework.files import Json
from distil.framework.recipe.load import load_recipe as from_file
from distil.framework.recipe.load import recipe_from_values
from distil.framework.recipe.schema import Recipe

RecipeLike: TypeAlias = "Recipe | Mapping[str, object] | str | PathLike[str]"
Overrides: TypeAlias = Mapping[str, object] | Sequence[str]


def load_recipe(source: RecipeLike, overrides: Overrides = ()) -> Recipe:
    """A checked recipe of a YAML file, of sections as plain data or objects, or of another recipe.

    overrides: values by dotted place, {"student.lr": 3e-5}, or as on the command line, ["student.lr=3e-5"]; None (null) takes away what
    is there, so that the default holds. Raises RecipeError.
    """
    words = _words(overrides)
    if isinstance(source, str | PathLike):
        return from_file(Path(fspath(source)), words)
    if not isinstance(source, Recipe | Mapping):
        raise RecipeError(f"expected a recipe, its sections by name, or the path of a YAML file, found {source!r:.80}")
    values = plain(source)
    assert isinstance(values, dict)
    return recipe_from_values(values, "the recipe", words)


def _words(overrides: Overrides) -> list[str]:
    if isinstance(overrides, str):
        raise RecipeError(f"overrides: expected values by place or a list, found the text {shown(overrides)}")
    if not isinstance(overrides, Mapping):
        wrong = (
            [one for one in overrides if not isinstance(one, str)]
            if isinstance(overrides, list | tuple)
            else [overrides]
        )
        if wrong:
            raise RecipeError(
                "overrides: expected values by place, {'student.lr': 3e-5}, or a list, ['student.lr=3e-5'], "
                f"found {wrong[0]!r:.80}"
            )
        return list(overrides)
    try:
        return [f"{place}={json.dumps(plain(value), ensure_ascii=False)}" for place, value in overrides.items()]
    except (TypeError, ValueError) as error:
        raise RecipeError(f"overrides: a value is none that a recipe can hold: {error}") from None


def plain(value: object) -> object:
    """A section, or what holds sections, as plain data, and NumPy's numbers as Python's; what else there is stays as it is."""
    if isinstance(value, BaseModel):
        found: Json = value.model_dump(mode="json")
        return found
    if isinstance(value, Mapping):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return plain(value.tolist())
    return fspath(value) if isinstance(value, PathLike) else value
