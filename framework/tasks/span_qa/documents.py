"""The shapes in which questions come: SQuAD's articles and paragraphs, annotation exports, plain rows."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from framework.data.label_studio import is_task
from framework.data.records import Fields, Record, no_field, shown
from framework.errors import DataError
from framework.tasks.span_qa.example import QARow
from framework.tasks.span_qa.label_studio import task_row
from framework.tasks.span_qa.records import context_of, parse_row


def question_rows(records: Iterable[Record], fields: Fields) -> Iterator[QARow]:
    """The questions of records: articles with `paragraphs`, paragraphs with `qas`, tasks of Label Studio, or rows.

    Raises:
        DataError: a record has another shape; the message gives the place as a JSON path.
    """
    return _apart(row for record in records for row in _item_rows(record.values, record.place, fields))


def _item_rows(item: Any, place: str, fields: Fields) -> Iterator[tuple[QARow, Any]]:
    """The questions of one item, each with the document_id of its paragraph."""
    if isinstance(item, dict) and "paragraphs" in item:
        for j, paragraph in enumerate(_objects(item, "paragraphs", place)):
            yield from _paragraph_rows(paragraph, f"{place}.paragraphs[{j}]", fields)
    elif isinstance(item, dict) and "qas" in item:
        yield from _paragraph_rows(item, place, fields)
    elif isinstance(item, dict) and isinstance(item.get("data"), dict) and not is_task(item):
        raise DataError(f"{place}: data must be a list, found dict")
    elif is_task(item):
        yield task_row(item, place, fields), None
    else:
        yield parse_row(item, place, fields), None


def _paragraph_rows(paragraph: dict[str, Any], place: str, fields: Fields) -> Iterator[tuple[QARow, Any]]:
    context = context_of(paragraph, place, fields)
    for k, question in enumerate(_objects(paragraph, "qas", place)):
        yield parse_row(question, f"{place}.qas[{k}]", fields, context), paragraph.get("document_id")


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
