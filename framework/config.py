"""What recipe sections are made of: their base, which is strict, frozen and helpful about keys that it does not know; seeds,
layers and paths; and what is wrong with a recipe, or a section of one, put into words."""

import difflib
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from distil.framework.errors import DataError, RecipeError, UserError
from distil.framework.files import Json

# NumPy takes 32 bits; workers, and trials of several seeds, count on from the recipe's.
Seed = Annotated[int, Field(ge=0, lt=2**31)]
MOST_EPOCHS = 10_000
MOST_BATCH = 65_536
MOST_LAYERS = 1000
Layer = Annotated[int, Field(ge=-MOST_LAYERS, le=MOST_LAYERS)]
MOST_STEPS = 1_000_000_000

# Of a union of a number, tagged "number", and a word, tagged "word": told apart beforehand, so that an error speaks of the
# form that was meant.
NUMBER_OR_WORD = Discriminator(lambda value: "word" if isinstance(value, str) else "number")
WORD_OR_LIST = Discriminator(lambda value: "word" if isinstance(value, str) else "list")  # likewise
BatchTokens = Annotated[
    Annotated[int, Field(ge=1, le=2**30), Tag("number")] | Annotated[Literal["auto"], Tag("word")], NUMBER_OR_WORD
]


class Worded(BaseModel):
    """Values of named fields, whose constructor says in words what is wrong with them."""

    _raises: ClassVar[type[UserError]] = DataError

    if not TYPE_CHECKING:  # who checks types, and editors, go by the fields

        def __init__(self, /, **values: object) -> None:
            """What is made in code. Raises `_raises`, which names it, the field and what was expected there."""
            try:
                super().__init__(**values)
            except ValidationError as error:
                name, legal = type(self).__name__, list(type(self).model_fields)
                raise self._raises(worded(error, values, lambda place: name, legal)) from None

        __init__.__pydantic_base_init__ = True  # within another one, and by model_validate, pydantic makes it as ever


class Section(Worded):
    """A recipe section. Unknown keys are errors that name the nearest legal key; values are not coerced."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
    _raises: ClassVar[type[UserError]] = RecipeError

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        for key in values:
            if key not in cls.model_fields:
                raise PydanticCustomError(
                    "unknown_key",
                    "unknown key '{key}'; {hint}",
                    {"key": shortened(str(key)), "hint": nearest_hint(str(key), list(cls.model_fields))},
                )
        return values


def shortened(text: str, most: int = 80) -> str:
    """The text, or its beginning, of at most so many characters, as errors show it."""
    return text if len(text) <= most else text[: most - 3] + "..."


def nearest_hint(word: str, legal: list[str]) -> str:
    """Words it nearest-first: ``did you mean 'x'? legal here: ...``."""
    listing = "legal here: " + ", ".join(legal)
    near = difflib.get_close_matches(shortened(word), legal, n=1, cutoff=0.5)
    near = near or [one for one in legal if len(word) > 2 and one.startswith(word)][:1]
    return f"did you mean '{near[0]}'? ({listing})" if near else listing


_MOST_BYTES = 3500  # Linux takes 4096; the rest is for what lies below the path
_MOST_PART = 255


def _possible(text: str) -> str:
    if not text:
        raise ValueError("no file is named; give a path")
    parts = [part.encode("utf-8", "surrogateescape") for part in text.split("/")]
    if "\0" in text:
        raise ValueError("a path cannot hold NUL; take it out")
    if sum(len(part) + 1 for part in parts) > _MOST_BYTES or max(map(len, parts)) > _MOST_PART:
        raise ValueError(
            f"this path is too long; a name in it may have {_MOST_PART} bytes, and all of it {_MOST_BYTES}: shorten it"
        )
    try:
        Path(text).expanduser()
    except RuntimeError:
        raise ValueError(
            f"nobody here is called '{parts[0].decode(errors='replace')[1:]}', whose home '~' would be; write the path out"
        ) from None
    return text


def _text(path: object) -> object:
    return str(path) if isinstance(path, Path) else path


PathText = Annotated[str, BeforeValidator(_text), AfterValidator(_possible)]
# Told apart beforehand, so that an error speaks of the form that was meant.
PathTexts = Annotated[
    Annotated[PathText, Tag("one")] | Annotated[dict[str, PathText], Tag("several")],
    Discriminator(lambda value: "several" if isinstance(value, dict) else "one"),
]


Where = Callable[[list[str | int]], str]
"""Where a place of the recipe stands, as messages say it."""


def worded(error: ValidationError, values: Json, where: Where, legal: Sequence[str] = ()) -> str:
    """What pydantic has found in the values, a line each. legal: the fields that there are, where it does not say so itself."""
    # A default that follows from another field says nothing where that one is wrong.
    told = [details for details in error.errors() if details["type"] != "default_factory_not_called"]
    return "\n".join(dict.fromkeys(_line(details, values, where, legal) for details in told))


_OWN = {  # what pydantic says by the names of Python's types
    "dict_type": "expected `name: value` for each",
    "model_type": "expected a section",
    "too_short": "expected {min_length} or more",
    "too_long": "expected {max_length} or fewer",
}


def _line(details: ErrorDetails, values: Json, where: Where, legal: Sequence[str]) -> str:
    place = _place(details["loc"], values, details["type"] == "missing")
    if details["type"] == "unknown_key":
        place = [*place, details["ctx"]["key"]]
    dotted = shortened(".".join(str(part) for part in place), 200)
    message = details["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if details["type"] in _OWN:
        message = _OWN[details["type"]].format(**details.get("ctx", {}))
    if details["type"] == "extra_forbidden":
        message = "there is no such field" + (
            f"; expected {', '.join(legal)}" if len(details["loc"]) == 1 and legal else ""
        )
    if details["type"] == "missing":
        return f"{where(place[:-1])}: {dotted} is missing; add it"
    untold = isinstance(details["input"], dict) or (isinstance(details["input"], str | list) and is_secret(place))
    found = "" if untold else f" (found {shown(details['input'])})"
    if details["type"] == "string_type" and isinstance(details["input"], bool | int | float):
        found += "; put it into quotes, as no and yes, true and false, and numbers are not text by themselves"
    return f"{where(place)}: {dotted + ': ' if dotted else ''}{message}{found}"


def is_secret(place: Sequence[str | int]) -> bool:
    """Whether what stands at a place of a recipe is not shown: of a server somebody may have written the key where it does not belong."""
    return "endpoint" in place


def _place(loc: tuple[Any, ...], values: Any, missing: bool) -> list[str | int]:
    """The parts of pydantic's location that are keys of the recipe, or of which the last is `missing` there, without the
    names of union members."""
    place: list[str | int] = []
    for number, part in enumerate(loc):
        if isinstance(values, str) and isinstance(part, int):  # JSON with a list
            return [*place, *loc[number:]]
        if (isinstance(values, dict) and part in values) or (
            isinstance(values, list) and isinstance(part, int) and part < len(values)
        ):
            values = values[part]
        elif number < len(loc) - 1 or not missing:
            continue
        place.append(part)
    return place


_PASSWORD = re.compile(r"(://[^/\s:@]*:)[^/\s@]+(?=@)")  # of a URI


def shown(value: object) -> str:
    """A value of a recipe as messages show it, without passwords in URIs."""
    try:
        text = yaml.safe_dump(value, default_flow_style=True).strip() if isinstance(value, dict | list) else repr(value)
    except (yaml.YAMLError, RecursionError):  # of what code has made, and no YAML says
        text = repr(value)
    return shortened(without_passwords(text))


def without_passwords(text: str) -> str:
    """The text with the passwords of its URIs left out."""
    return _PASSWORD.sub(r"\1…", text)
