"""The forms in which questions come: SQuAD's articles and paragraphs, exports of annotation tools, plain rows, and answers as people
write them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from distil.framework.data.records import (
    Fields,
    Record,
    finished_annotations,
    is_label_studio,
    is_missing,
    no_field,
    shown,
    text_of,
)
from distil.framework.errors import DataError
from distil.framework.tasks.span_qa.data import Claim, QARow

_STARTS = ("answer_start", "start")
_NOT_GIVEN = "NOT_GIVEN"  # how Haystack's annotation tool marks that a document has no answer
_Object = dict[str, Any]


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
    """Check one record: question, answers, perhaps id and is_impossible, and context unless it is given apart.

    The id of one without is blank. An impossible question may lack answers; no other may.

    Raises:
        DataError: a field is missing or of another type; the message names `place`.
    """
    if not isinstance(record, dict):
        raise DataError(f"{place}: expected an object with context, question and answers, found {shown(record)}")
    impossible = _truth(fields.optional(record, "is_impossible", place), place)
    return QARow(
        place=place,
        id=_identifier(fields.optional(record, "id", place), place),
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
    if is_missing(value):
        return ""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
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


def task_row(task: _Object, place: str, fields: Fields) -> QARow:
    """The question of a task: its marked regions are the answers; unlabelled if nobody has finished an annotation.

    `fields` name what is in the task's `data`, where the text may also be called `text`; the id is the task's unless
    `fields` has one.

    Raises:
        DataError: an annotation that is not one of a text, or as `parse_row` does.
    """
    data = task["data"]
    if "context" not in fields.given and "context" not in data:
        fields = fields.renamed(context="text")
    _, context = fields.find(data, "context")
    annotations = list(finished_annotations(task, place))
    answers = [_answer(value, context, place) for regions in annotations for value in regions]
    record = data if "id" in fields.given else {**data, "id": task.get("id")}
    known = {"answers": answers if annotations else None}
    return parse_row({**record, **known}, place, fields.renamed(answers=None, start=None))


def _answer(value: _Object, context: Any, place: str) -> _Object:
    # The start of a region in HTML is a path.
    given = value.get("globalOffsets")
    offsets = given if isinstance(given, dict) else {} if "startOffset" in value else value
    start, end = (whole(offsets.get(name), f"a region's {name}", place) for name in ("start", "end"))
    text = value.get("text")
    if text is None and isinstance(context, str) and start is not None and end is not None:
        if any(ord(letter) > 0xFFFF for letter in context[:end]):
            raise DataError(
                f"{place}: a region comes without its text, and its offsets may count letters in another way; export with "
                "saveTextResult"
            )
        text = context[start:end]
    return {"text": text, "answer_start": start}


def question_rows(records: Iterable[Record], fields: Fields) -> Iterator[QARow]:
    """The questions of records: articles with `paragraphs`, paragraphs with `qas`, tasks of Label Studio, or rows.

    Raises:
        DataError: a record has another shape; the message gives the place as a JSON path.
    """
    return _apart(_numbered(row for record in records for row in _item_rows(record.values, record.place, fields)))


def _item_rows(item: Any, place: str, fields: Fields) -> Iterator[tuple[QARow, Any]]:
    """The questions of one item, each with the document_id of its paragraph."""
    if isinstance(item, dict) and "paragraphs" in item:
        for j, paragraph in enumerate(_objects(item, "paragraphs", place)):
            yield from _paragraph_rows(paragraph, f"{place}.paragraphs[{j}]", fields)
    elif isinstance(item, dict) and "qas" in item:
        yield from _paragraph_rows(item, place, fields)
    elif isinstance(item, dict) and isinstance(item.get("data"), dict) and not is_label_studio(item):
        raise DataError(f"{place}: data must be a list, found dict")
    elif is_label_studio(item):
        yield task_row(item, place, fields), None
    else:
        yield parse_row(item, place, fields), None


def _paragraph_rows(paragraph: dict[str, Any], place: str, fields: Fields) -> Iterator[tuple[QARow, Any]]:
    context = context_of(paragraph, place, fields)
    for k, question in enumerate(_objects(paragraph, "qas", place)):
        yield parse_row(question, f"{place}.qas[{k}]", fields, context), paragraph.get("document_id")


def _numbered(rows: Iterator[tuple[QARow, Any]]) -> Iterator[tuple[QARow, Any]]:
    """A row without an id is known by its number, or by that of the first one with the same question and context."""
    first: dict[tuple[str, str], str] = {}
    for number, (row, document) in enumerate(rows):
        id = row.id or first.setdefault((row.question, row.context), str(number))
        yield replace(row, id=id), document


def _apart(rows: Iterator[tuple[QARow, Any]]) -> Iterator[QARow]:
    """Haystack's annotation tool asks one question, with one id, about several documents: each gets an id of its own."""
    owners: dict[str, Any] = {}
    for row, document in rows:
        other = owners.setdefault(row.id, document) != document
        yield replace(row, id=f"{row.id}-{document}") if other and document is not None else row


def _objects(parent: dict[str, Any], name: str, place: str) -> list[dict[str, Any]]:
    if name not in parent:
        raise no_field(parent, name, place)
    children = parent[name]
    if not isinstance(children, list):
        raise DataError(f"{place}: {name} must be a list, found {type(children).__name__}")
    for index, child in enumerate(children):
        if not isinstance(child, dict):
            raise DataError(f"{place}: {name}[{index}] must be an object, found {shown(child)}")
    return children
