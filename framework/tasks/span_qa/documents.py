"""JSON documents, in the shapes in which questions come: SQuAD's articles and paragraphs, annotation exports, plain rows."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from framework.data.fields import STANDARD, Fields, missing_field
from framework.data.row import Row, listed, shown
from framework.errors import DataError
from framework.tasks.span_qa.label_studio import is_task, task_row
from framework.tasks.span_qa.records import context_of, parse_row

Record = dict[str, Any]


def document_rows(document: Any, file: str, fields: Fields = STANDARD) -> Iterator[Row]:
    """The questions of a whole document in their order; `file` names it in error messages.

    It is a list of items, perhaps as the `data` of an object, or one item.

    Raises:
        DataError: the document has another shape; the message gives the place as a JSON path.
    """
    if isinstance(document, dict) and "data" in document and not is_task(document):
        items = [(f"{file}: data[{i}]", item) for i, item in enumerate(_objects(document, "data", file))]
    elif isinstance(document, list):
        items = [(f"{file}: row[{i}]", item) for i, item in enumerate(document)]
    elif isinstance(document, dict) and ("paragraphs" in document or "qas" in document):
        items = [(file, document)]
    else:
        raise DataError(
            f'{file}: expected a SQuAD document ({{"data": [articles]}}) or a list of rows, found {_outline(document)}'
        )
    return rows_of_items(items, fields)


def rows_of_items(items: Iterable[tuple[str, Any]], fields: Fields = STANDARD) -> Iterator[Row]:
    """The questions of items, each with its place: articles with `paragraphs`, paragraphs with `qas`, tasks of Label Studio,
    or rows. Raises DataError."""
    return _apart(row for place, item in items for row in _item_rows(item, place, fields))


def _item_rows(item: Any, place: str, fields: Fields) -> Iterator[tuple[Row, Any]]:
    """The questions of one item, each with the document_id of its paragraph."""
    if isinstance(item, dict) and "paragraphs" in item:
        for j, paragraph in enumerate(_objects(item, "paragraphs", place)):
            yield from _paragraph_rows(paragraph, f"{place}.paragraphs[{j}]", fields)
    elif isinstance(item, dict) and "qas" in item:
        yield from _paragraph_rows(item, place, fields)
    elif is_task(item):
        yield task_row(item, place, fields), None
    else:
        yield parse_row(item, place, fields), None


def _paragraph_rows(paragraph: Record, place: str, fields: Fields) -> Iterator[tuple[Row, Any]]:
    context = context_of(paragraph, place, fields)
    for k, question in enumerate(_objects(paragraph, "qas", place)):
        yield parse_row(question, f"{place}.qas[{k}]", fields, context), paragraph.get("document_id")


def _apart(rows: Iterator[tuple[Row, Any]]) -> Iterator[Row]:
    """Haystack's annotation tool asks one question, with one id, about several documents: each gets an id of its own."""
    owners: dict[str, Any] = {}
    for row, document in rows:
        other = owners.setdefault(row.id, document) != document
        yield replace(row, id=f"{row.id}-{document}") if other and document is not None else row


def _objects(parent: Record, name: str, place: str) -> list[Record]:
    if name not in parent:
        raise missing_field(parent, name, place)
    children = parent[name]
    if not isinstance(children, list):
        raise DataError(f"{place}: {name} must be a list, found {type(children).__name__}")
    for index, child in enumerate(children):
        if not isinstance(child, dict):
            raise DataError(f"{place}: {name}[{index}] must be an object, found {shown(child)}")
    return children


def _outline(document: Any) -> str:
    if isinstance(document, dict):
        return f"an object with the keys {listed(document)}"
    return type(document).__name__
