"""Files of one's own, in the formats in which people have data."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from framework.config import PathTexts, Section
from framework.data.arrow_tables import is_saved, read_arrow, read_parquet, read_saved, saved_splits
from framework.data.records import FieldNames, Fields, Formats, Readers, Record
from framework.data.text_files import read_csv, read_json, read_json_lines
from framework.data.unpacking import check_is_file, read_text
from framework.errors import DataError
from framework.progress import Progress

_READERS: dict[str, Callable[[Path, Fields], Iterator[Record]]] = {
    ".parquet": read_parquet,
    ".arrow": read_arrow,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".json": read_json,
    ".csv": read_csv,
    ".tsv": read_csv,
}
EXTENSIONS = tuple(_READERS)


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
        extension = _extension(path)
        if extension not in _READERS and extension not in formats:
            legal = ", ".join([*EXTENSIONS, *formats])
            raise DataError(f"{path}: unknown kind of file; expected one of {legal}, each perhaps with .gz after it")
        check_is_file(path)
        if extension in formats:
            yield from formats[extension](read_text(path), str(path))
        else:
            yield from _READERS[extension](path, fields)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file (looked for it from {Path.cwd()})") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None


def _extension(path: Path) -> str:
    name = Path(path.name.lower())
    return Path(name.stem).suffix if name.suffix == ".gz" else name.suffix
