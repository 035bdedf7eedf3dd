"""Tables in Arrow's formats: parquet files, Arrow files, and folders that `save_to_disk` of datasets has written."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distil.framework.data.records import Fields, Record
from distil.framework.data.unpacking import Allowance, check_is_file, is_packed, read_bytes
from distil.framework.errors import DataError, first_line

if TYPE_CHECKING:
    import pyarrow

_ROWS = 64  # unpacked at a time
_STATE, _SPLITS = "state.json", "dataset_dict.json"  # beside the files of a saved dataset, and of a dict of them


def read_parquet(path: Path, fields: Fields) -> Iterator[Record]:
    """The rows of a parquet file; of its columns only those that are needed are read. Raises DataError and OSError."""
    import pyarrow.parquet

    packed = is_packed(path)
    allowance = Allowance(path)
    with (
        _problems_of(path, "parquet"),
        pyarrow.parquet.ParquetFile(pyarrow.BufferReader(read_bytes(path)) if packed else path) as file,
    ):
        columns = fields.columns(file.schema_arrow.names, str(path))
        allowance.check(_unpacked_bytes(file.metadata, columns))
        batches = file.iter_batches(_ROWS, columns=columns, use_threads=False)
        yield from _records(batches, columns, path, allowance, _class_names(file.schema_arrow))


def read_arrow(path: Path, fields: Fields) -> Iterator[Record]:
    """The rows of an Arrow file, of either kind (file or stream). Raises DataError and OSError."""
    import pyarrow.ipc

    with _problems_of(path, "Arrow"), _buffer(path) as source:
        try:
            file = pyarrow.ipc.open_file(source)
            schema, batches = file.schema, (file.get_batch(number) for number in range(file.num_record_batches))
        except pyarrow.ArrowInvalid:
            source.seek(0)
            stream = pyarrow.ipc.open_stream(source)
            schema, batches = stream.schema, iter(stream)
        columns = fields.columns(schema.names, str(path))
        pieces = (piece for batch in batches for piece in _sound_pieces(batch.select(columns)))
        yield from _records(pieces, columns, path, Allowance(path), _class_names(schema))


def _sound_pieces(batch: "pyarrow.RecordBatch") -> Iterator["pyarrow.RecordBatch"]:
    batch.validate(full=True)  # else damaged offsets would lead out of the file
    for at in range(0, batch.num_rows, _ROWS):
        yield batch.slice(at, _ROWS)


def saved_splits(folder: Path) -> list[str] | None:
    """The splits in a folder that `DatasetDict.save_to_disk` has written; None for another. Raises DataError."""
    if not (folder / _SPLITS).is_file():
        return None
    splits = _json_of(folder / _SPLITS).get("splits")
    if not isinstance(splits, list) or not all(isinstance(name, str) and _is_name(name) for name in splits):
        raise DataError(f"{folder / _SPLITS}: expected the names of splits")
    return splits


def is_saved(folder: Path) -> bool:
    """Whether `Dataset.save_to_disk` has written this folder."""
    return (folder / _STATE).is_file()


def read_saved(folder: Path, fields: Fields) -> Iterator[Record]:
    """The rows of a folder that `Dataset.save_to_disk` has written. Raises DataError and OSError."""
    files = _json_of(folder / _STATE).get("_data_files")
    entries = files if isinstance(files, list) else []
    names = [str(entry.get("filename")) if isinstance(entry, dict) else "" for entry in entries]
    if not names or not all(map(_is_name, names)):
        raise DataError(f"{folder / _STATE}: expected the names of the dataset's files")
    for name in names:
        check_is_file(folder / name)
    for name in names:
        yield from read_arrow(folder / name, fields)


def _json_of(path: Path) -> dict[str, Any]:
    check_is_file(path)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not usable JSON: {error}") from None
    return found if isinstance(found, dict) else {}


def _is_name(name: str) -> bool:
    return name != "" and name == Path(name).name and not name.startswith(".")


def _records(
    batches: Iterable["pyarrow.RecordBatch"],
    columns: list[str],
    path: Path,
    allowance: Allowance,
    classes: Mapping[str, list[str]],
) -> Iterator[Record]:
    number = 0
    for batch in batches:
        arrays = {name: _plain(batch.column(name)) for name in columns}
        allowance.take(sum(array.nbytes for array in arrays.values()))
        cells = {name: _values(array, name, path) for name, array in arrays.items()}
        for row in range(batch.num_rows):
            yield Record(f"{path}: row[{number}]", {name: values[row] for name, values in cells.items()}, classes)
            number += 1


def _class_names(schema: "pyarrow.Schema") -> dict[str, list[str]]:
    """By field (`a.b` is the field b of the object a) the names of its numbers, as datasets of Hugging Face note them in a file."""
    try:
        features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
        return dict(_named(features, ""))
    except (KeyError, TypeError, ValueError, RecursionError):
        return {}


def _named(feature: object, place: str) -> Iterator[tuple[str, list[str]]]:
    """The same of a feature and all that is in it: of labels, of lists of these, and of fields of objects."""
    if isinstance(feature, list):
        for inner in feature:
            yield from _named(inner, place)
    elif isinstance(feature, dict):
        kind, names = feature.get("_type"), feature.get("names")
        if kind == "ClassLabel" and isinstance(names, list):
            yield place, [str(one) for one in names]
        elif isinstance(kind, str):
            yield from _named(feature.get("feature"), place)
        else:
            for name, inner in feature.items():
                yield from _named(inner, f"{place}.{name}" if place else name)


def _plain(column: "pyarrow.Array") -> "pyarrow.Array":
    """Of categories the values."""
    import pyarrow

    return column.dictionary_decode() if isinstance(column, pyarrow.DictionaryArray) else column


def plain_numbers(value: object) -> object:
    """Decimal numbers, also those in lists and objects, as other formats have them: floating ones, or whole ones, which may be long ids."""
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        return int(value) if isinstance(exponent, int) and exponent >= 0 else float(value)
    if isinstance(value, dict):
        return {name: plain_numbers(one) for name, one in value.items()}
    return [plain_numbers(one) for one in value] if isinstance(value, list) else value


def _has_decimals(kind: "pyarrow.DataType") -> bool:
    """Whether values of a type are decimal numbers, or hold such."""
    import pyarrow

    if isinstance(kind, pyarrow.DictionaryType):
        return _has_decimals(kind.value_type)
    return pyarrow.types.is_decimal(kind) or any(_has_decimals(kind.field(at).type) for at in range(kind.num_fields))


def _values(column: "pyarrow.Array", name: str, path: Path) -> list[Any]:
    try:
        values = list(column.to_pylist())
        return [plain_numbers(one) for one in values] if _has_decimals(column.type) else values
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: the column '{name}' holds text that is not UTF-8: {error.reason}") from None
    except (ValueError, OverflowError) as error:
        raise DataError(f"{path}: the column '{name}' holds a value that cannot be read: {first_line(error)}") from None


def _unpacked_bytes(metadata: "pyarrow.parquet.FileMetaData", columns: list[str]) -> int:
    groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
    chunks = (group.column(number) for group in groups for number in range(group.num_columns))
    return sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema.partition(".")[0] in columns)


@contextmanager
def _buffer(path: Path) -> Iterator["pyarrow.NativeFile"]:
    import pyarrow

    packed = is_packed(path)
    with pyarrow.BufferReader(read_bytes(path)) if packed else pyarrow.memory_map(str(path)) as source:
        yield source


@contextmanager
def _problems_of(path: Path, kind: str) -> Iterator[None]:
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowException, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a readable {kind} file: {first_line(error)}") from None
