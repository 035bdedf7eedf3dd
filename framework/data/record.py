"""What a source has, as it has it: no task has looked at it yet."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from framework.errors import DataError


@dataclass(frozen=True, slots=True)
class Record:
    """One item of a source. `place` says where it was read (file and index or line), for error messages; `values` are an
    object's fields as a rule: a task refuses what else it finds there."""

    place: str
    values: Any


def text_of(value: object, name: str, place: str) -> str:
    """`value` if it is text that UTF-8 can hold. Raises DataError, which names `place`."""
    if not isinstance(value, str):
        raise DataError(f"{place}: {name} must be text, found {shown(value)}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{place}: {name} holds half of a surrogate pair at character {error.start}") from None
    return value


def is_missing(value: object) -> bool:
    """Whether this is null, or NaN, which pandas writes for it."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def shown(value: object) -> str:
    """A value as messages show it."""
    return shortened(repr(value))


def listed(names: Iterable[object]) -> str:
    """Names of fields or columns as messages list them: some of them, where there are many."""
    texts = [shortened(str(name)) for name in names]
    return ", ".join(texts[:20]) + (f" and {len(texts) - 20} more" if len(texts) > 20 else "") or "none"


def shortened(text: str) -> str:
    """The text, or the beginning of a long one."""
    return text if len(text) <= 60 else text[:57] + "..."
