"""Files of one's own, in the formats in which people have questions."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from framework.config import Section
from framework.data.arrow_tables import is_saved, read_arrow, read_parquet, read_saved, saved_splits
from framework.data.csv_files import read_csv
from framework.data.fields import STANDARD, Fields
from framework.data.json_files import read_json, read_json_lines
from framework.data.row import Readers, Row
from framework.data.unpacking import check_is_file
from framework.errors import DataError
from framework.path_text import PathTexts
from framework.progress import Progress

_READERS: dict[str, Callable[[Path, Fields], list[Row]]] = {
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
    fields: Fields = Field(default=STANDARD, description="other names of fields or columns")

    @field_validator("path")
    @classmethod
    def _some_file(cls, path: str | dict[str, str]) -> str | dict[str, str]:
        if not path:
            raise ValueError("no file is named; give a path, or split names with a path each")
        return path

    def readers(self, progress: Progress) -> Readers:
        """A function for each split that reads it."""
        files = self._splits() if isinstance(self.path, str) else {name: Path(path) for name, path in self.path.items()}
        return {split: partial(read_files, [path.expanduser()], self.fields) for split, path in files.items()}

    def _splits(self) -> dict[str, Path]:
        path = Path(str(self.path)).expanduser()
        try:
            splits = saved_splits(path)
        except OSError:  # of which is said more when it is read
            splits = None
        return {"train": path} if splits is None else {name: path / name for name in splits}


def read_files(paths: list[Path], fields: Fields = STANDARD) -> list[Row]:
    """The questions of several files, one after the other. Raises as `read_file` does."""
    return [row for path in paths for row in read_file(path, fields)]


def read_file(path: Path, fields: Fields = STANDARD) -> list[Row]:
    """All questions of one file, or of the folder of a saved dataset, in their order. The extension tells the format.

    Raises:
        DataError: the file is missing, unreadable, damaged, of another format, or a row of it is malformed.
    """
    try:
        if is_saved(path):
            return read_saved(path, fields)
        splits = saved_splits(path)
        if splits is not None:
            raise DataError(f"{path} holds several splits: {', '.join(splits)}; name the folder of one of them in it")
        reader = _READERS.get(_extension(path))
        if reader is None:
            legal = ", ".join(EXTENSIONS)
            raise DataError(f"{path}: unknown kind of file; expected one of {legal}, each perhaps with .gz after it")
        check_is_file(path)
        return reader(path, fields)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file (looked for it from {Path.cwd()})") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None


def _extension(path: Path) -> str:
    name = Path(path.name.lower())
    return Path(name.stem).suffix if name.suffix == ".gz" else name.suffix
