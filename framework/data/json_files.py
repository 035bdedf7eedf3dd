"""JSON and JSON lines."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from framework.data.fields import Fields
from framework.data.row import Row
from framework.data.unpacking import read_text
from framework.errors import DataError
from framework.tasks.span_qa.documents import document_rows, rows_of_items


def read_json(path: Path, fields: Fields) -> list[Row]:
    """The questions of a JSON document. Raises DataError and OSError."""
    return list(document_rows(parse_json(read_text(path), str(path)), str(path), fields))


def read_json_lines(path: Path, fields: Fields) -> list[Row]:
    """The questions of a file with a JSON object on each line. Raises DataError and OSError."""
    return list(rows_of_items(_lines(path), fields))


def _lines(path: Path) -> Iterator[tuple[str, Any]]:
    # Only \n ends a line: str.splitlines would also break at U+2028 and others inside a text.
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            place = f"{path}: line {number}"
            yield place, parse_json(line, place)


def parse_json(text: str, place: str) -> Any:
    """The value of a JSON text. Raises DataError, which says how to mend it."""
    try:
        return json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            hint = "; if each line is an object of its own, call the file .jsonl"
        elif not text[error.pos :].strip():
            hint = "; the text ends too early: is it the whole file?"
        else:
            hint = ""
        raise DataError(f"{place}: not JSON: {error.msg} (line {error.lineno}, column {error.colno}){hint}") from None
    except (RecursionError, ValueError) as error:
        raise DataError(f"{place}: not usable JSON: {error}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object has the key '{twice}' twice")
    return found
