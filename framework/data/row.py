"""One question as its source has it, before its answers are checked against the context."""

from collections.abc import Callable
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


def parse_row(record: Any, place: str, context: str | None = None) -> Row:
    """Check one record: id, question, answers, perhaps is_impossible, and context unless it is given apart.

    `answers` is either {text: [...], answer_start: [...]}, a list of {text, answer_start}, or null.

    Raises:
        DataError: a field is missing or of another type; the message names `place`.
    """
    if not isinstance(record, dict):
        raise DataError(f"{place}: expected an object with id, context, question and answers, found {_shown(record)}")
    impossible = record.get("is_impossible")
    if impossible is not None and not isinstance(impossible, bool):
        raise DataError(f"{place}: is_impossible must be true or false, found {_shown(impossible)}")
    return Row(
        place=place,
        id=_identifier(field(record, "id", place), place),
        context=text_of(field(record, "context", place), "context", place) if context is None else context,
        question=text_of(field(record, "question", place), "question", place),
        answers=_answers(field(record, "answers", place), place),
        impossible=bool(impossible),
    )


def field(record: dict[str, Any], name: str, place: str) -> Any:
    """The field `name`, or an error that lists those that are there."""
    if name not in record:
        hint = "; write null for an unlabelled question" if name == "answers" else ""
        raise DataError(f"{place}: no field '{name}'{hint} (found: {', '.join(map(str, record)) or 'none'})")
    return record[name]


def text_of(value: Any, name: str, place: str) -> str:
    """`value` if it is text that UTF-8 can hold."""
    if not isinstance(value, str):
        raise DataError(f"{place}: {name} must be text, found {_shown(value)}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{place}: {name} holds half of a surrogate pair at character {error.start}") from None
    return value


def _identifier(value: Any, place: str) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return text_of(value, "id", place)


def _answers(value: Any, place: str) -> tuple[Claim, ...] | None:
    if value is None:
        return None
    if isinstance(value, list):
        return tuple(_answer(answer, place) for answer in value)
    if not isinstance(value, dict):
        raise DataError(f"{place}: answers must be {{text: [...], answer_start: [...]}}, found {_shown(value)}")
    texts, starts = field(value, "text", place), field(value, "answer_start", place)
    if not isinstance(texts, list) or not isinstance(starts, list) or len(texts) != len(starts):
        raise DataError(
            f"{place}: answers.text and answers.answer_start must be lists of one length, "
            f"found {_shown(texts)} and {_shown(starts)}"
        )
    return tuple(_pair(text, start, place) for text, start in zip(texts, starts, strict=True))


def _answer(value: Any, place: str) -> Claim:
    if not isinstance(value, dict):
        raise DataError(f"{place}: an answer must be an object with text and answer_start, found {_shown(value)}")
    return _pair(field(value, "text", place), field(value, "answer_start", place), place)


def _pair(text: Any, start: Any, place: str) -> Claim:
    if not isinstance(start, int) or isinstance(start, bool):
        raise DataError(f"{place}: answer_start must be a whole number, found {_shown(start)}")
    return text_of(text, "an answer's text", place), start


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
