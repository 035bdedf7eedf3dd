"""A recipe from plain data, and wording what is wrong with it."""

from collections.abc import Callable
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from framework.config import shortened
from framework.errors import RecipeError
from framework.recipe import Recipe
from framework.recipe_checks import recipe_problems

Where = Callable[[list[str | int]], str]
"""Where a place of the recipe stands, as messages say it."""


def recipe_of(values: dict[str, Any], where: Where) -> Recipe:
    """A recipe from plain data; of its search no more is checked than its own section. Raises RecipeError."""
    try:
        recipe = Recipe.model_validate(values)
    except ValidationError as error:
        # A default that follows from another field says nothing where that one is wrong.
        told = [details for details in error.errors() if details["type"] != "default_factory_not_called"]
        lines = [_worded(details, values, where) for details in told]
        raise RecipeError("\n".join(dict.fromkeys(lines))) from None
    refuse(recipe_problems(recipe), where)
    return recipe


def refuse(problems: list[str], where: Where) -> None:
    """Raise RecipeError for problems of a recipe as a whole, if there are any."""
    if problems:
        said = "; ".join(problems)
        raise RecipeError(f"{where([])}: {said[:1].lower()}{said[1:]}")


def _worded(details: ErrorDetails, values: dict[str, Any], where: Where) -> str:
    place = _place(details["loc"], values, details["type"] == "missing")
    if details["type"] == "unknown_key":
        place = [*place, details["ctx"]["key"]]
    dotted = shortened(".".join(str(part) for part in place), 200)
    message = details["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if details["type"] == "missing":
        return f"{where(place[:-1])}: {dotted} is missing; add it"
    found = "" if isinstance(details["input"], dict) else f" (found {shown(details['input'])})"
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


def shown(value: object) -> str:
    """A value of a recipe as messages show it."""
    return shortened(
        repr(value) if not isinstance(value, dict | list) else yaml.safe_dump(value, default_flow_style=True).strip()
    )
