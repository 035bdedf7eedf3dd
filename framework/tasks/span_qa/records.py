"""Answers in the forms in which people write them."""

from collections.abc import Sequence
from typing import Any

from framework.data.records import Fields, is_missing, shown, text_of
from framework.errors import DataError
from framework.tasks.span_qa.example import Claim, QARow

_STARTS = ("answer_start", "start")
_NOT_GIVEN = "NOT_GIVEN"  # how Haystack's annotation tool marks that a document has no answer


def claims_of(value: Any, start: Any, place: str) -> tuple[Claim, ...] | None:
    """The answers of a question, None for null.

    value: {text, answer_start} with one of each or with lists, a list of such objects, a text, or a list of texts;
    start: what stands beside `value` as its start, or starts. A start may be missing.

    Raises:
        DataError: another form, or a start that is no whole number.
    """
    if is_missing(value):
        return None
    if isinstance(value, str):
        return _pairs([value], start, place)
    if isinstance(value, dict):
        return _of_object(value, place)
    if not isinstance(value, list):
        raise DataError(
            f"{place}: answers must be text, {{text: [...], answer_start: [...]}} or a list, found {shown(value)}"
        )
    if value and all(isinstance(answer, str) for answer in value):
        return _pairs(value, start, place)
    return tuple(claim for answer in value for claim in _of_object(answer, place))


def whole(value: Any, name: str, place: str) -> int | None:
    """A whole number, perhaps written as 12.0 or as text; None where it is missing."""
    if is_missing(value) or value == "":
        return None
    number = value
    if isinstance(value, str):
        try:
            number = float(value) if "." in value else int(value)
        except ValueError:
            number = None
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if not isinstance(number, int) or isinstance(number, bool):
        raise DataError(f"{place}: {name} must be a whole number, found {shown(value)}")
    return number


def _of_object(value: Any, place: str) -> tuple[Claim, ...]:
    if not isinstance(value, dict) or "text" not in value:
        raise DataError(
            f"{place}: an answer must be text or an object with text and answer_start, found {shown(value)}"
        )
    if value.get("answer_category") == _NOT_GIVEN:
        return ()
    start = next((value[name] for name in _STARTS if name in value), None)
    texts = value["text"]
    return _pairs(texts if isinstance(texts, list) else [texts], start, place)


def _pairs(texts: Sequence[Any], starts: Any, place: str) -> tuple[Claim, ...]:
    if is_missing(starts):
        starts = [None] * len(texts)
    elif not isinstance(starts, list):
        starts = [starts]
    if len(texts) != len(starts):
        raise DataError(
            f"{place}: there must be as many starts as answers, found {shown(list(texts))} and {shown(starts)}"
        )
    return tuple(
        (text_of(text, "an answer's text", place), whole(start, "answer_start", place))
        for text, start in zip(texts, starts, strict=True)
    )


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
