"""JSON and JSON lines."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from framework.data.fields import Fields
from framework.data.record import Record
from framework.data.unpacking import read_text
from framework.errors import DataError


def read_json(path: Path, fields: Fields) -> Iterator[Record]:
    """The items of a JSON document. Raises DataError and OSError."""
    return records_of(parse_json(read_text(path), str(path)), str(path))


def records_of(document: Any, file: str) -> Iterator[Record]:
    """The items of a whole document in their order: of a list, perhaps as the `data` of an object, or else the document."""
    if isinstance(document, dict) and isinstance(document.get("data"), list):
        yield from (Record(f"{file}: data[{number}]", item) for number, item in enumerate(document["data"]))
    elif isinstance(document, list):
        yield from (Record(f"{file}: row[{number}]", item) for number, item in enumerate(document))
    else:
        yield Record(file, document)


def read_json_lines(path: Path, fields: Fields) -> Iterator[Record]:
    """The items of a file with a JSON object on each line. Raises DataError and OSError."""
    # Only \n ends a line: str.splitlines would also break at U+2028 and others inside a text.
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            place = f"{path}: line {number}"
            yield Record(place, parse_json(line, place))


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
