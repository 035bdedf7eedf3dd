"""Reading a recipe from its YAML file, with overrides, and wording what is wrong with it."""

import stat
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from framework.config import shortened
from framework.errors import RecipeError
from framework.places import NoPlace, drop_at, set_at
from framework.recipe import Recipe
from framework.yaml_loader import MOST_LEVELS, document, line_of, problem_of

_MOST_BYTES = 250_000


def load_recipe(path: str | Path, overrides: list[str] | tuple[str, ...] = ()) -> Recipe:
    """The recipe of the file at `path` with overrides such as ``student.lr=3e-5`` applied.

    ``student=null`` drops what the file says at a place, so that the default holds.
    Raises RecipeError, naming file, line, place, value and the nearest legal key.
    """
    path = Path(path)
    try:
        node, values = document(_read(path))
    except yaml.YAMLError as error:
        line, problem = problem_of(error)
        raise RecipeError(f"{path}{f':{line}' if line else ''}: not legal YAML: {problem}") from None
    if not isinstance(values, dict):
        raise RecipeError(f"{path}: expected sections such as `data:` and `student:`, found {_shown(values)}")
    for override in overrides:
        _apply(values, override)
    return _validated(values, lambda place: _override_at(overrides, place) or _where(path, node, place))


def recipe_from_values(values: dict[str, Any], origin: str) -> Recipe:
    """A recipe from plain data, such as `Recipe.resolved` gives. Raises RecipeError."""
    return _validated(values, lambda place: origin)


def recipe_schema() -> dict[str, Any]:
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
        raise RecipeError(f"cannot read the recipe {_shown(str(path))}: {error.strerror}") from None


def _near_files(path: Path) -> str:
    folder = path.parent if path.parent.is_dir() else Path("recipes")
    names = sorted(str(found) for found in folder.glob("*.yaml"))[:12]
    return f"; here are {', '.join(names)}" if names else ""


def _apply(values: dict[str, Any], override: str) -> None:
    """Set the value at a dotted place; a null that is written out takes away what the file says there."""
    place, equals, text = override.partition("=")
    shown = _named(override)
    if not equals or not all(place.split(".")):
        raise RecipeError(f"{shown}: expected PLACE=VALUE, such as student.lr=3e-5")
    if place.count(".") >= MOST_LEVELS:
        raise RecipeError(f"{shown}: no place of a recipe lies {MOST_LEVELS} levels deep")
    try:
        _, value = document(text)
    except yaml.YAMLError as error:
        raise RecipeError(f"{shown}: the value is not legal YAML: {problem_of(error)[1]}") from None
    try:
        dropped = value is None and text != "" and (drop_at(values, place) or place in Recipe.model_fields)
        if not dropped:
            set_at(values, place, value)
    except NoPlace as error:
        raise RecipeError(f"{shown}: {error.at} is {_shown(error.found)}, not a section") from None


def _validated(values: dict[str, Any], where: Any) -> Recipe:
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        # A default that follows from another field says nothing where that one is wrong.
        told = [details for details in error.errors() if details["type"] != "default_factory_not_called"]
        lines = [_worded(details, values, where) for details in told]
        raise RecipeError("\n".join(dict.fromkeys(lines))) from None


def _worded(details: ErrorDetails, values: dict[str, Any], where: Any) -> str:
    place = _place(details["loc"], values, details["type"] == "missing")
    if details["type"] == "unknown_key":
        place = [*place, details["ctx"]["key"]]
    dotted = shortened(".".join(str(part) for part in place), 200)
    message = details["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if details["type"] == "missing":
        return f"{where(place[:-1])}: {dotted} is missing; add it"
    found = "" if isinstance(details["input"], dict) else f" (found {_shown(details['input'])})"
    return f"{where(place)}: {dotted + ': ' if dotted else ''}{message}{found}"


def _place(loc: tuple[Any, ...], values: Any, missing: bool) -> list[str | int]:
    """The parts of pydantic's location that are keys of the recipe, or of which the last is `missing` there, without the
    names of union members."""
    place: list[str | int] = []
    for number, part in enumerate(loc):
        if (isinstance(values, dict) and part in values) or (
            isinstance(values, list) and isinstance(part, int) and part < len(values)
        ):
            values = values[part]
        elif number < len(loc) - 1 or not missing:
            continue
        place.append(part)
    return place


def _override_at(overrides: list[str] | tuple[str, ...], place: list[str | int]) -> str | None:
    """The override that says what stands at `place`, if one does."""
    parts = [str(part) for part in place]
    for override in reversed(overrides):
        given = override.partition("=")[0].split(".")
        if parts[: len(given)] == given:
            return _named(override)
    return None


def _named(override: str) -> str:
    return f"override '{shortened(override, 200)}'"


def _where(path: Path, node: yaml.Node | None, place: list[str | int]) -> str:
    line = line_of(node, place)
    return f"{path}:{line}" if line else str(path)


def _shown(value: Any) -> str:
    return shortened(
        repr(value) if not isinstance(value, dict | list) else yaml.safe_dump(value, default_flow_style=True).strip()
    )
