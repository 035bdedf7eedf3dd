"""SQuAD's own JSON, versions 1.1 and 2.0: articles, paragraphs, questions."""

from collections.abc import Iterator
from typing import Any

from framework.data.row import Row, field, parse_row, text_of
from framework.errors import DataError


def squad_rows(document: Any, file: str) -> Iterator[Row]:
    """The questions of a SQuAD document in their order; `file` names it in error messages.

    Raises:
        DataError: the document has another shape; the message gives the place as a JSON path.
    """
    for i, article in enumerate(_objects(document, "data", file)):
        article_place = f"{file}: data[{i}]"
        for j, paragraph in enumerate(_objects(article, "paragraphs", article_place)):
            place = f"{article_place}.paragraphs[{j}]"
            context = text_of(field(paragraph, "context", place), "context", place)
            for k, question in enumerate(_objects(paragraph, "qas", place)):
                yield parse_row(question, f"{place}.qas[{k}]", context)


def _objects(parent: dict[str, Any], name: str, place: str) -> list[dict[str, Any]]:
    children = field(parent, name, place)
    if not isinstance(children, list):
        raise DataError(f"{place}: {name} must be a list, found {type(children).__name__}")
    for index, child in enumerate(children):
        if not isinstance(child, dict):
            raise DataError(f"{place}: {name}[{index}] must be an object, found {type(child).__name__}")
    return children
