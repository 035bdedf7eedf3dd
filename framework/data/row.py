"""One question as its source has it, before its answers are checked against the context."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from framework.errors import DataError

Claim = tuple[str, int | None]
"""An answer's text, and where it begins as its source says; None if that is not said."""


@dataclass(frozen=True, slots=True)
class Row:
    """A question as read: well-typed, with answers that may not stand where they claim to.

    `place` says where it was read (file and index), for error messages. `answers` holds pairs of text and
    claimed start in code points, None where only the text is given; it is itself None where the source gives null.
    `impossible` is SQuAD 2.0's mark. `notes` are kinds of framework/data/notes.py.
    """

    place: str
    id: str
    context: str
    question: str
    answers: tuple[Claim, ...] | None
    impossible: bool = False
    notes: tuple[str, ...] = ()


Readers = dict[str, Callable[[], list[Row]]]
"""What a source offers: for each of its splits, a function that reads it."""


def text_of(value: Any, name: str, place: str) -> str:
    """`value` if it is text that UTF-8 can hold. Raises DataError, which names `place`."""
    if not isinstance(value, str):
        raise DataError(f"{place}: {name} must be text, found {shown(value)}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{place}: {name} holds half of a surrogate pair at character {error.start}") from None
    return value


def shown(value: Any) -> str:
    """A value as messages show it."""
    return shortened(repr(value))


def listed(names: Iterable[object]) -> str:
    """Names of fields or columns as messages list them: some of them, where there are many."""
    texts = [shortened(str(name)) for name in names]
    return ", ".join(texts[:20]) + (f" and {len(texts) - 20} more" if len(texts) > 20 else "") or "none"


def shortened(text: str) -> str:
    """The text, or the beginning of a long one."""
    return text if len(text) <= 60 else text[:57] + "..."
