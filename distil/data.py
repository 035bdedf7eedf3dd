"""Data at hand in Python as a source of a recipe."""

import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

from distil._given import path_of
from distil.framework.data.arrow_tables import plain_numbers
from distil.framework.data.local_files import Files
from distil.framework.errors import DataError, first_line
from distil.framework.files import write_atomic

if TYPE_CHECKING:
    import datasets
    import pandas  # type: ignore[import-untyped]
    import pyarrow

Rows: TypeAlias = "datasets.Dataset | pandas.DataFrame | Iterable[Mapping[str, object]]"


def as_source(
    data: "Rows | Mapping[str, Rows]",
    fields: Mapping[str, str] | None = None,
    folder: "str | PathLike[str]" = "runs/data",
) -> Files:
    """A recipe's source of rows at hand: a Dataset or DatasetDict, a pandas frame, a list of dicts, or any of these by split.

    What gives Arrow's stream (a table of PyArrow's, a frame of Polars) is taken, too. A split that has no name is called train. fields:
    other names of columns, {"context": "passage"}. Each split is written into `folder`, once, under a name that is a digest of its
    content: other rows are other files, and so another run; Ray workers and `distil resume` read them there. A frame's index is left out.
    Raises DataError for rows that cannot be written.
    """
    names = names_of(fields)
    splits = data if isinstance(data, Mapping) else {"train": data}
    if isinstance(data, Mapping) and data and all(map(_is_column, data.values())):
        raise DataError(
            f"expected rows, or the rows of each split, found columns: {', '.join(map(str, splits))}; pandas.DataFrame(data) makes a table of "
            "columns"
        )
    into = path_of(folder, "a path as `folder`")
    paths = {str(name): str(_written(into, str(name), rows)) for name, rows in splits.items()}
    return Files(path=paths, fields=names)


def names_of(fields: Mapping[str, str] | None) -> dict[str, str]:
    """Names of columns as they were given, none for None. Raises DataError for what are no such names."""
    if fields is not None and not isinstance(fields, Mapping):
        raise DataError(
            f"fields: expected names of columns by the task's, {{'text': 'sentence'}}, found {fields!r:.80}"
        )
    return dict(fields or {})


def is_frame(rows: object) -> "TypeGuard[pandas.DataFrame]":
    """Whether this is a frame of pandas."""
    return type(rows).__module__.partition(".")[0] == "pandas" and hasattr(rows, "columns")


def _is_column(values: object) -> bool:
    """Whether these are texts or numbers, and no rows."""
    plain = values.tolist() if hasattr(values, "tolist") else values
    return isinstance(plain, list | tuple) and bool(plain) and isinstance(plain[0], str | int | float)


def _written(folder: Path, split: str, rows: "Rows") -> Path:
    """The file with the rows of a split."""
    try:
        content, extension = _content(rows)
    except (ValueError, TypeError, OverflowError) as error:  # pyarrow's own are kinds of these
        raise DataError(f"the split '{split}' cannot be written as a table: {first_line(error)}") from None
    if not content:
        raise DataError(f"the split '{split}' has no rows; give one at least")
    digest = hashlib.blake2b(content, digest_size=8).hexdigest()
    path = folder / f"{digest}{extension}"
    if not path.exists():
        write_atomic(path, content)
    return path


def _content(rows: "Rows") -> tuple[bytes, str]:
    """Rows as the bytes of a file, and how its name ends."""
    library = type(rows).__module__.partition(".")[0]
    if library == "datasets" and hasattr(rows, "with_format") and hasattr(rows, "num_rows"):
        return _parquet(_of_dataset(rows)), ".parquet"
    if is_frame(rows):
        from pyarrow import Table

        table = Table.from_pandas(rows, preserve_index=False)
        return _parquet(table.replace_schema_metadata(None)), ".parquet"
    if hasattr(rows, "__arrow_c_stream__"):
        import pyarrow

        return _parquet(pyarrow.table(rows).replace_schema_metadata(None)), ".parquet"
    if isinstance(rows, str | bytes | PathLike) or not isinstance(rows, Iterable):
        raise TypeError(f"expected a Dataset, a frame or a list of dicts, found {rows!r:.80}; files are for `Files`")
    return "".join(f"{_line(number, row)}\n" for number, row in enumerate(rows)).encode(), ".jsonl"


def _of_dataset(dataset: "datasets.Dataset") -> "pyarrow.Table":
    """Its rows, with the names of labels in the place of their numbers; a number below 0 is no label."""
    import pyarrow
    from datasets import ClassLabel

    table = dataset.with_format("arrow")[:]
    for name, feature in dataset.features.items():
        inner = getattr(feature, "feature", feature)
        if isinstance(inner, ClassLabel):
            named = [_named(value, inner.names) for value in table.column(name).to_pylist()]
            table = table.set_column(table.schema.get_field_index(name), name, pyarrow.array(named))
    return table.replace_schema_metadata(None)


def _named(value: "int | list[int] | None", names: Sequence[str]) -> object:
    if isinstance(value, list):
        return [_named(one, names) for one in value]
    return None if value is None or value < 0 else names[value]


def _parquet(table: "pyarrow.Table") -> bytes:
    import pyarrow.parquet

    if not table.num_rows:
        return b""
    into = io.BytesIO()
    pyarrow.parquet.write_table(table.combine_chunks(), into, compression="zstd")
    return into.getvalue()


def _line(number: int, row: Mapping[str, object]) -> str:
    if not isinstance(row, Mapping):
        raise TypeError(f"row[{number}] is {row!r:.80}, expected a dict")
    try:
        return json.dumps(dict(row), ensure_ascii=False, default=_plain)
    except (TypeError, ValueError) as error:
        raise TypeError(f"row[{number}]: {error}") from None


def _plain(value: object) -> object:
    """What NumPy and decimal numbers hold, as JSON does."""
    if isinstance(value, Decimal):
        return plain_numbers(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} is nothing that JSON holds")
