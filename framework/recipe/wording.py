"""What is wrong with a recipe, or with a section of one, put into words."""

from collections.abc import Callable, Sequence
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from distil.framework.config import shortened
from distil.framework.files import Json

Where = Callable[[list[str | int]], str]
"""Where a place of the recipe stands, as messages say it."""


def worded(error: ValidationError, values: Json, where: Where) -> str:
    """What pydantic has found in the values, a line each."""
    # A default that follows from another field says nothing where that one is wrong.
    told = [details for details in error.errors() if details["type"] != "default_factory_not_called"]
    return "\n".join(dict.fromkeys(_line(details, values, where) for details in told))


def _line(details: ErrorDetails, values: Json, where: Where) -> str:
    place = _place(details["loc"], values, details["type"] == "missing")
    if details["type"] == "unknown_key":
        place = [*place, details["ctx"]["key"]]
    dotted = shortened(".".join(str(part) for part in place), 200)
    message = details["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if details["type"] == "missing":
        return f"{where(place[:-1])}: {dotted} is missing; add it"
    untold = isinstance(details["input"], dict) or (isinstance(details["input"], str) and is_secret(place))
    found = "" if untold else f" (found {shown(details['input'])})"
    return f"{where(place)}: {dotted + ': ' if dotted else ''}{message}{found}"


def is_secret(place: Sequence[str | int]) -> bool:
    """Whether what stands at a place of a recipe is not shown: of a server somebody may have written the key where it does not belong."""
    return "endpoint" in place


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
