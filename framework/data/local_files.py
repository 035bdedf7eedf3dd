"""Files of one's own, in the formats in which people have data; JSON, JSON lines, CSV and TSV are read here."""

import ast
import csv
import io
import json
import sys
import tokenize
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator

from distil.framework.config import PathTexts, Section
from distil.framework.data.arrow_tables import is_saved, read_arrow, read_parquet, read_saved, saved_splits
from distil.framework.data.records import FieldNames, Fields, Formats, Readers, Record, listed
from distil.framework.data.unpacking import PACKED, check_is_file, is_packed, read_text
from distil.framework.errors import DataError, reason
from distil.framework.language.words import count_of
from distil.framework.progress import Progress

if TYPE_CHECKING:
    from _csv import Reader


def read_json(path: Path, fields: Fields) -> Iterator[Record]:
    """The items of a JSON document, or the objects on the lines of a file, whether that is called .json or .jsonl. Raises DataError and OSError."""
    text = read_text(path)
    if not _has_lines(text, ".jsonl" in path.name.lower() or ".ndjson" in path.name.lower()):
        yield from records_of(parse_json(text, str(path)), str(path))
        return
    # Only \n ends a line: str.splitlines would also break at U+2028 and others inside a text.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            place = f"{path}: line {number}"
            yield Record(place, parse_json(line, place))


def _has_lines(text: str, called_lines: bool) -> bool:
    """Whether each line is a value of its own, and not the text as a whole."""
    if called_lines:
        return not text.lstrip().startswith("[")
    first, _, rest = text.lstrip().partition("\n")
    try:
        return bool(rest.strip()) and isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        return False


def records_of(document: Any, file: str) -> Iterator[Record]:
    """The items of a whole document in their order: of a list, perhaps as the `data` of an object, or else the document."""
    rows = document.get("data") if isinstance(document, dict) else None
    # Of columns, as pandas also writes them (orient='split'), `data` holds lists.
    has_items = isinstance(rows, list) and any(isinstance(row, dict) for row in rows)
    if not has_items and (problem := _no_record(document)):
        raise DataError(f"{file} {problem}")
    if isinstance(rows, list):
        yield from (Record(f"{file}: data[{number}]", item) for number, item in enumerate(rows))
    elif isinstance(document, list):
        yield from (Record(f"{file}: row[{number}]", item) for number, item in enumerate(document))
    else:
        yield Record(file, document)


def _no_record(document: Any) -> str:
    """Why an object cannot be a record, if it looks like several of them in another form; blank otherwise."""
    if not isinstance(document, dict) or len(document) < 2:
        return ""
    values = list(document.values())
    if isinstance(document.get("columns"), list) or all(
        isinstance(value, dict) and value and value.keys() == values[0].keys() for value in values
    ):
        return "holds columns instead of rows: write a list of objects, with pandas df.to_json(path, orient='records')"
    if all(isinstance(value, list) and value and all(isinstance(one, dict) for one in value) for value in values):
        return f"holds several lists of records ({listed(document)}): write each into a file of its own, and name the files as splits"
    return ""


def parse_json(text: str, place: str) -> Any:
    """The value of a JSON text. Raises DataError, which says how to mend it."""
    try:
        return json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            hint = "; write each object on a line of its own, or all of them as one list"
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
    text, delimiter = _delimited(read_text(path), "\t" if ".tsv" in path.name.lower() else ",;\t|")
    csv.field_size_limit(sys.maxsize)  # 131,072 by default, which a text may exceed
    lines = _cells(text, delimiter, _quoting(text, delimiter))
    try:
        names = next((cells for cells in lines if cells), [])
        needed, structured = set(fields.columns(names, str(path))), fields.structured()
        for cells in lines:
            place = f"{path}: line {lines.line_num}"
            if not cells:
                continue
            if len(cells) != len(names):
                raise DataError(
                    f"{place}: {count_of(len(cells), 'cell')} under {count_of(len(names), 'column')}; quote texts that hold '{delimiter}'"
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
        hint = "; a quotation mark within quotation marks is written twice" if '"' in text else ""
        raise DataError(f"{path}: line {lines.line_num}: not legal CSV: {error}{hint}") from None


def _quoting(text: str, delimiter: str) -> int:
    """How a table is quoted: where cells are cut by tabs, its quotation marks are often text, and quote nothing."""
    if delimiter != "\t" or '"' not in text or _is_even(text, csv.QUOTE_MINIMAL):
        return csv.QUOTE_MINIMAL
    return csv.QUOTE_NONE if _is_even(text, csv.QUOTE_NONE) else csv.QUOTE_MINIMAL


def _is_even(text: str, quoting: int) -> bool:
    """Whether all lines of a table cut by tabs have as many cells, and no quotation marks hold together what are several lines."""
    lines = filter(None, _cells(text, "\t", quoting))
    try:
        width = len(next(lines, []))
        return all(len(cells) == width and not any({"\t", "\n"} <= {*cell} for cell in cells) for cells in lines)
    except csv.Error:
        return False


def _cells(text: str, delimiter: str, quoting: int) -> "Reader":
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, quoting=quoting)  # type: ignore[arg-type]


def _delimited(text: str, delimiters: str) -> tuple[str, str]:
    """A table's text, and what cuts its lines: what a first line for Excel says, sep=; and the like, which is made blank, or else that of
    the delimiters of which the column names have most."""
    first, end, rest = text.partition("\n")
    said = first.strip().lower().removeprefix("sep=")
    if first.lower().startswith("sep=") and len(said) <= 1:
        return end + rest, said or "\t"
    return text, max(delimiters, key=text.lstrip("\r\n").partition("\n")[0].count)


def _written(cell: str) -> Any:
    """The object or list that is written in a cell, as JSON or as Python shows it; or else its text."""
    if not cell.startswith(("{", "[")) or not cell.endswith(("}", "]")):
        return cell
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(_Lists().visit(ast.parse(_with_commas(cell), mode="eval")))
    except (ValueError, SyntaxError, RecursionError, MemoryError, tokenize.TokenError):
        return cell


def _with_commas(cell: str) -> str:
    """A list as Python shows it, with commas where NumPy, which pandas writes into cells, has blanks alone: ['a' 'b'] is no 'ab'."""
    words: list[str] = []
    after_item = False
    for token in tokenize.generate_tokens(io.StringIO(cell).readline):
        item = token.type in (tokenize.NAME, tokenize.NUMBER, tokenize.STRING)
        if after_item and (item or token.string in ("[", "{", "-")):
            words.append(",")
        words.append(token.string.strip())
        after_item = item or token.string in ("]", "}", ")") or (after_item and token.type == tokenize.NL)
    return " ".join(words)


class _Lists(ast.NodeTransformer):
    """NumPy's array([...], dtype=...), which pandas writes into cells, as a list."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        is_array = isinstance(node.func, ast.Name) and node.func.id == "array" and len(node.args) == 1
        return self.generic_visit(node.args[0] if is_array else node)


_READERS: dict[str, Callable[[Path, Fields], Iterator[Record]]] = {
    ".parquet": read_parquet,
    ".arrow": read_arrow,
    ".jsonl": read_json,
    ".ndjson": read_json,
    ".json": read_json,
    ".csv": read_csv,
    ".tsv": read_csv,
}
EXTENSIONS = tuple(_READERS)
_SPREADSHEETS = (".xlsx", ".xls", ".ods")


class Files(Section):
    """Files of one's own: JSON in several shapes, JSON lines, CSV, TSV, parquet, Arrow, saved datasets."""

    kind: Literal["files"] = "files"
    path: PathTexts = Field(
        description="one file (its split is called train), or split names with a file each; or folders that save_to_disk of "
        "datasets has written; relative to the current working directory"
    )
    fields: FieldNames = Field(default_factory=dict)

    @field_validator("path")
    @classmethod
    def _some_file(cls, path: str | dict[str, str]) -> str | dict[str, str]:
        if not path:
            raise ValueError("no file is named; give a path, or split names with a path each")
        return path

    def readers(self, progress: Progress, fields: Fields, formats: Formats) -> Readers:
        """See Source."""
        files = self._splits() if isinstance(self.path, str) else {name: Path(path) for name, path in self.path.items()}
        return {split: partial(read_files, [path.expanduser()], fields, formats) for split, path in files.items()}

    def _splits(self) -> dict[str, Path]:
        path = Path(str(self.path)).expanduser()
        try:
            splits = saved_splits(path)
        except OSError:  # of which is said more when it is read
            splits = None
        return {"train": path} if splits is None else {name: path / name for name in splits}


def read_files(paths: list[Path], fields: Fields, formats: Formats) -> Iterator[Record]:
    """The records of several files, one after the other. Raises as `read_file` does."""
    for path in paths:
        yield from read_file(path, fields, formats)


def read_file(path: Path, fields: Fields, formats: Formats) -> Iterator[Record]:
    """All records of one file, or of the folder of a saved dataset, in their order. The extension tells the format.

    Raises:
        DataError: the file is missing, unreadable, damaged or of another format.
    """
    try:
        if is_saved(path):
            yield from read_saved(path, fields)
            return
        splits = saved_splits(path)
        if splits is not None:
            raise DataError(f"{path} holds several splits: {', '.join(splits)}; name the folder of one of them in it")
        check_is_file(path)
        extension = _extension(path)
        if extension not in _READERS and extension not in formats:
            if extension in _SPREADSHEETS:
                raise DataError(f"{path} is a spreadsheet; save its sheet as a .csv, which Excel calls “CSV UTF-8”")
            legal = ", ".join([*EXTENSIONS, *formats])
            raise DataError(
                f"{path}: unknown kind of file; expected one of {legal}, each perhaps with {', '.join(PACKED)} after it"
            )
        if extension in formats:
            yield from formats[extension](read_text(path), str(path))
        else:
            yield from _READERS[extension](path, fields)
    except FileNotFoundError as error:  # of a saved dataset, that may be a file in its folder
        raise DataError(f"{error.filename or path}: no such file (looked for it from {Path.cwd()})") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {reason(error)}") from None


def _extension(path: Path) -> str:
    name = Path(path.name.lower())
    return Path(name.stem).suffix if is_packed(name) else name.suffix
