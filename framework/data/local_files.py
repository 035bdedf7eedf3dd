"""Reading rows from files: parquet, JSON lines, JSON (SQuAD documents or a list of rows)."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from framework.config import Section
from framework.data.row import Readers, Row, parse_row
from framework.data.squad_json import squad_rows
from framework.errors import DataError, first_line
from framework.progress import Progress


class Files(Section):
    """Files of one's own: parquet, JSON lines, or JSON (SQuAD 1.1, SQuAD 2.0, a list of rows)."""

    kind: Literal["files"] = "files"
    path: str | dict[str, str] = Field(
        description="one file (its split is called train), or split names with a file each; "
        "relative to the current working directory"
    )

    @field_validator("path")
    @classmethod
    def _some_file(cls, path: str | dict[str, str]) -> str | dict[str, str]:
        if not path or (isinstance(path, dict) and not all(path.values())):
            raise ValueError("no file is named; give a path, or split names with a path each")
        return path

    def readers(self, progress: Progress) -> Readers:
        """A function for each split that reads it."""
        named = {"train": self.path} if isinstance(self.path, str) else self.path
        return {split: partial(read_files, [Path(path).expanduser()]) for split, path in named.items()}


def read_files(paths: list[Path]) -> list[Row]:
    """The questions of several files, one after the other."""
    return [row for path in paths for row in read_file(path)]


def read_file(path: Path) -> list[Row]:
    """All questions of one file, in their order. The extension tells the format.

    Raises:
        DataError: the file is missing, unreadable, damaged, of another format, or a row of it is malformed.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"{path}: unknown kind of file; expected one of {', '.join(_READERS)}")
    if path.is_dir():
        raise DataError(f"{path} is a folder; name a file in it")
    try:
        return reader(path)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file (looked for it from {Path.cwd()})") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None


def _read_json(path: Path) -> list[Row]:
    document = _parse_json(_read_text(path), str(path))
    if isinstance(document, dict) and "data" in document:
        return list(squad_rows(document, str(path)))
    if isinstance(document, list):
        return [parse_row(record, f"{path}: row[{index}]") for index, record in enumerate(document)]
    raise DataError(
        f'{path}: expected a SQuAD document ({{"data": [articles]}}) or a list of rows, found {_outline(document)}'
    )


def _read_json_lines(path: Path) -> list[Row]:
    # Only \n ends a line: str.splitlines would also break at U+2028 and others inside a text.
    lines = _read_text(path).split("\n")
    places = ((f"{path}: line {number}", line) for number, line in enumerate(lines, start=1) if line.strip())
    return [parse_row(_parse_json(line, place), place) for place, line in places]


def _read_parquet(path: Path) -> list[Row]:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            for name in ("id", "context", "question", "answers"):
                if name not in names:
                    raise DataError(f"{path}: no column '{name}' (found: {', '.join(names)})")
            known = [name for name in ("id", "context", "question", "answers", "is_impossible") if name in names]
            records = file.read(columns=known).to_pylist()
    except pyarrow.ArrowException as error:
        raise DataError(f"{path}: not a readable parquet file: {first_line(error)}") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: a column holds text that is not UTF-8: {error.reason}") from None
    return [parse_row(record, f"{path}: row[{index}]") for index, record in enumerate(records)]


_READERS: dict[str, Callable[[Path], list[Row]]] = {
    ".parquet": _read_parquet,
    ".jsonl": _read_json_lines,
    ".json": _read_json,
}


def _read_text(path: Path) -> str:
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}: line {line} is not UTF-8 (byte {error.start}); save the file as UTF-8") from None


def _parse_json(text: str, place: str) -> Any:
    try:
        return json.loads(text)
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


def _outline(document: Any) -> str:
    if isinstance(document, dict):
        return "an object with the keys " + (", ".join(list(document)[:10]) or "(none)")
    return type(document).__name__
