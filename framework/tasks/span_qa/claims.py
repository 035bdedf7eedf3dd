"""Answers in the forms in which people write them."""

from collections.abc import Sequence
from typing import Any

from framework.data.records import is_missing, shown, text_of
from framework.errors import DataError
from framework.tasks.span_qa.row import Claim

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
