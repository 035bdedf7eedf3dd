"""Reading a recipe from its YAML file, with overrides, and wording what is wrong with it."""

import stat
from collections.abc import Callable
from pathlib import Path

import yaml

from distil.framework.config import Where, is_secret, shortened, shown, without_passwords
from distil.framework.errors import RecipeError, reason
from distil.framework.files import Json
from distil.framework.recipe.checks import recipe_of, refuse
from distil.framework.recipe.paths import NoPlace, drop_at, notes_on, set_at
from distil.framework.recipe.schema import Recipe
from distil.framework.recipe.yaml_loader import MOST_LEVELS, document, line_of, problem_of, to_yaml
from distil.framework.search.recipes import search_problems

_MOST_BYTES = 250_000


def load_recipe(
    path: str | Path, overrides: list[str] | tuple[str, ...] = (), note: Callable[[str], None] = lambda text: None
) -> Recipe:
    """The recipe of the file at `path` with overrides such as ``student.lr=3e-5`` applied.

    ``student=null`` drops what the file says at a place, so that the default holds. note: told of options at old places.
    Raises RecipeError, naming file, line, place, value and the nearest legal key.
    """
    path = Path(path)
    try:
        node, values = document(_read(path))
    except yaml.YAMLError as error:
        line, problem = problem_of(error)
        raise RecipeError(f"{path}{f':{line}' if line else ''}: not legal YAML: {problem}") from None
    if not isinstance(values, dict):
        raise RecipeError(f"{path}: expected sections such as `data:` and `student:`, found {shown(values)}")
    for override in overrides:
        _apply(values, override)
    for text in notes_on(values):
        note(f"{path}: {text}")
    return _checked(values, lambda place: _override_at(overrides, place) or _where(path, node, place))


def recipe_from_values(values: Json, origin: str, overrides: list[str] | tuple[str, ...] = ()) -> Recipe:
    """A recipe from plain data, such as `Recipe.resolved` gives, with overrides as in `load_recipe`. Raises RecipeError."""
    values = dict(values)
    for override in overrides:
        _apply(values, override)
    return _checked(values, lambda place: _override_at(overrides, place) or origin)


def untracked_recipe(values: Json, origin: str) -> Recipe:
    """The recipe of results that are read, or whose models are asked: without `tracking`, which decides about none of them and names trackers
    that need not be here. Raises RecipeError."""
    return recipe_from_values({**values, "tracking": {}}, origin)


def as_yaml(recipe: Recipe) -> str:
    """The recipe with all defaults filled in, as a file holds it."""
    return to_yaml(recipe.resolved())


def _checked(values: Json, where: Where) -> Recipe:
    recipe = recipe_of(values, where)
    # A value is only blamed for what is wrong with it once nothing else is.
    refuse(search_problems(recipe), where)
    return recipe


def recipe_schema() -> Json:
    """The JSON schema of recipes, for editors."""
    schema = Recipe.model_json_schema()
    schema["title"] = "distil recipe"
    return schema


def _read(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise RecipeError(
                f"{path} is {'a folder' if stat.S_ISDIR(mode) else 'no file'}; expected a recipe, a YAML file"
            )
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise RecipeError(f"{path}: expected a recipe, and this is more than {_MOST_BYTES // 1000} kB")
        return content.decode("utf-8-sig")
    except FileNotFoundError:
        raise RecipeError(f"no recipe at {path}; expected a YAML file{_near_files(path)}") from None
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path}: not UTF-8 text (byte {error.start}); save the recipe as UTF-8") from None
    except OSError as error:
        raise RecipeError(f"cannot read the recipe {shown(str(path))}: {reason(error)}") from None


def _near_files(path: Path) -> str:
    folder = path.parent if path.parent.is_dir() else Path("recipes")
    names = sorted(str(found) for found in folder.glob("*.yaml"))[:12]
    return f"; here are {', '.join(names)}" if names else ""


def _apply(values: Json, override: str) -> None:
    """Set the value at a dotted place; a null that is written out takes away what the file says there."""
    place, equals, text = override.partition("=")
    named = _named(override)
    if not equals or not all(place.split(".")):
        raise RecipeError(f"{named}: expected PLACE=VALUE, such as student.lr=3e-5")
    if place.count(".") >= MOST_LEVELS:
        raise RecipeError(f"{named}: no place of a recipe lies {MOST_LEVELS} levels deep")
    try:
        _, value = document(text)
    except yaml.YAMLError as error:
        raise RecipeError(f"{named}: the value is not legal YAML: {problem_of(error)[1]}") from None
    try:
        dropped = value is None and text != "" and (drop_at(values, place) or place in Recipe.model_fields)
        if not dropped:
            set_at(values, place, value)
    except NoPlace as error:
        raise RecipeError(f"{named}: {error.at} is {shown(error.found)}, not a section") from None


def _override_at(overrides: list[str] | tuple[str, ...], place: list[str | int]) -> str | None:
    """The override that says what stands at `place`, if one does."""
    parts = [str(part) for part in place]
    for override in reversed(overrides):
        given = override.partition("=")[0].split(".")
        if parts[: len(given)] == given:
            return _named(override, is_secret(place))
    return None


def _named(override: str, secret: bool = False) -> str:
    place = override.partition("=")[0]
    if secret or is_secret(place.split(".")):
        return f"override of {shortened(place, 200)}"
    return f"override '{shortened(without_passwords(override), 200)}'"


def _where(path: Path, node: yaml.Node | None, place: list[str | int]) -> str:
    line = line_of(node, place)
    return f"{path}:{line}" if line else str(path)
