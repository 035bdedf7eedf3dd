"""One record of a file, as a row."""

from typing import Any

from framework.data.records import Fields, is_missing, shown, text_of
from framework.errors import DataError
from framework.tasks.span_qa.claims import claims_of, whole
from framework.tasks.span_qa.row import Claim, QARow

_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False, "": False}


def parse_row(record: Any, place: str, fields: Fields, context: str | None = None) -> QARow:
    """Check one record: id, question, answers, perhaps is_impossible, and context unless it is given apart.

    An impossible question may lack answers; no other may.

    Raises:
        DataError: a field is missing or of another type; the message names `place`.
    """
    if not isinstance(record, dict):
        raise DataError(f"{place}: expected an object with id, context, question and answers, found {shown(record)}")
    impossible = _truth(fields.optional(record, "is_impossible", place), place)
    return QARow(
        place=place,
        id=_identifier(fields.required(record, "id", place), place),
        context=context_of(record, place, fields) if context is None else context,
        question=_text(fields.required(record, "question", place), "question", place),
        answers=_answers(record, impossible, place, fields),
        impossible=impossible,
    )


def context_of(record: dict[str, Any], place: str, fields: Fields) -> str:
    """The text that a record asks about. Raises DataError as `parse_row` does."""
    return _text(fields.required(record, "context", place), "context", place)


def _answers(record: dict[str, Any], impossible: bool, place: str, fields: Fields) -> tuple[Claim, ...] | None:
    found, value = fields.find(record, "answers")
    if not found and not impossible:
        raise fields.missing(record, "answers", place)
    if is_missing(value):
        return None
    return claims_of(value, fields.optional(record, "start", place), place)


def _text(value: Any, name: str, place: str) -> str:
    """Text, of which a missing value has none."""
    return "" if is_missing(value) else text_of(value, name, place)


def _identifier(value: Any, place: str) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and not is_missing(value):
        return str(whole(value, "id", place))
    if not isinstance(value, str):
        raise DataError(f"{place}: id must be text or a whole number, found {shown(value)}")
    return text_of(value, "id", place)


def _truth(value: Any, place: str) -> bool:
    if is_missing(value):
        return False
    truth = value if isinstance(value, bool) else None
    if isinstance(value, str):
        truth = _TRUTH.get(value.strip().lower())
    elif isinstance(value, (int, float)) and value in (0, 1):
        truth = bool(value)
    if truth is None:
        raise DataError(f"{place}: is_impossible must be true or false, found {shown(value)}")
    return truth
