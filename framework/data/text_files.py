"""Files of text: JSON, JSON lines, CSV and TSV."""

import ast
import csv
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from framework.data.records import Fields, Record
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


def read_csv(path: Path, fields: Fields) -> Iterator[Record]:
    """The rows of a table in text form. Cells may hold line ends in quotes; lists and objects as JSON or Python writes them.

    Raises:
        DataError: the table has no such column, or a line has more or fewer cells than there are columns.
    """
    text = read_text(path)
    header = text.partition("\n")[0]
    delimiter = max("\t" if ".tsv" in path.name.lower() else ",;\t", key=header.count)
    csv.field_size_limit(sys.maxsize)  # 131,072 by default, which a text may exceed
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = next(lines, [])
        needed, structured = set(fields.columns(names, str(path))), fields.structured()
        for cells in lines:
            place = f"{path}: line {lines.line_num}"
            if not cells:
                continue
            if len(cells) != len(names):
                raise DataError(
                    f"{place}: {len(cells)} cells under {len(names)} columns; quote texts that hold '{delimiter}'"
                )
            yield Record(
                place,
                {
                    name: _written(cell) if name in structured else cell
                    for name, cell in zip(names, cells, strict=True)
                    if name in needed
                },
            )
    except csv.Error as error:
        raise DataError(f"{path}: line {lines.line_num}: not legal CSV: {error}") from None


def _written(cell: str) -> Any:
    """The object or list that is written in a cell, as JSON or as Python shows it; or else its text."""
    if not cell.startswith(("{", "[")) or not cell.endswith(("}", "]")):
        return cell
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(_Lists().visit(ast.parse(cell, mode="eval")))
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return cell


class _Lists(ast.NodeTransformer):
    """NumPy's array([...], dtype=...), which pandas writes into cells, as a list."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        is_array = isinstance(node.func, ast.Name) and node.func.id == "array" and len(node.args) == 1
        return self.generic_visit(node.args[0] if is_array else node)
