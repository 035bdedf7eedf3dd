"""What callers give, where it is none of what is taken: said in words, as Python would only tell of its own types."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from distil.framework.errors import OutputError, UserError


def path_of(value: object, expected: str) -> Path:
    """A path that was given. expected: what it is of. Raises OutputError for what is none."""
    if not isinstance(value, str | PathLike):
        raise OutputError(f"expected {expected}, found {value!r:.80}")
    return Path(value)


def folder_of(value: object, option: str) -> Path | None:
    """A folder to write into, None: the usual one. option: what it is given as. Raises OutputError for what is none."""
    return None if value is None else path_of(value, f"a path, or None, as `{option}`")


def name_of(value: object, expected: str) -> str:
    """A name that was given. expected: of what. Raises OutputError for what is none."""
    if not isinstance(value, str):
        raise OutputError(f"expected {expected}, found {value!r:.80}")
    return value


def names_in(values: object, option: str) -> list[str]:
    """Names that were given as `option`. Raises UserError for what are none."""
    if (
        isinstance(values, str | bytes)
        or not isinstance(values, Sequence)
        or not all(isinstance(one, str) for one in values)
    ):
        raise UserError(f"{option}: expected a list of names, found {values!r:.80}: give ['train'], say")
    return list(values)


def yes_or_no(value: object, option: str) -> bool:
    """Whether something is wanted. Raises UserError for what says neither."""
    if not isinstance(value, bool):
        raise UserError(f"{option}: expected True or False, found {value!r:.80}")
    return value


def number_of(value: object, option: str, least: float, most: float, whole: bool = False) -> float:
    """A number that was given as `option`. Raises UserError for what is none, or is out of its bounds."""
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float) or not least <= value <= most:
        kind = "a whole number" if whole else "a number"
        raise UserError(f"{option}: expected {kind} from {least:g} to {most:g}, found {value!r:.80}")
    return value
