"""CSV and TSV: one record a row, under a line of names."""

import ast
import csv
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from framework.data.fields import Fields
from framework.data.record import Record
from framework.data.unpacking import read_text
from framework.errors import DataError


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
