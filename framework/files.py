"""Writing files so that nobody ever sees half of one, and JSON files that tell when they are damaged.

Damage, not forgery: CRC-32 finds every flipped bit and every short burst of them, and misses one of 2^32 other changes, at
several times the speed of a cryptographic digest.
"""

import json
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from distil.framework.errors import OutputError, reason

Json = dict[str, Any]  # an object of JSON, whose values nobody has looked at yet

# How names of files end that mean something to one machine, for a while.
PASSING = (".lock", ".owner", ".tmp", ".writable")


def make_folder(folder: Path, hint: str = "set `output` to a folder that you may write to") -> None:
    """Create `folder` and its parents. Raises OutputError, which ends with the hint, where that is not allowed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write into {folder}: {reason(error)}; {hint}") from None


@contextmanager
def written_beside(path: Path) -> Iterator[Path]:
    """Where to write what becomes the file `path`: it is flushed to disk and renamed into place when the context ends, and removed if that
    raises."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write `content` beside `path`, flush it to disk, then rename it into place."""
    with written_beside(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def write_json(path: Path, value: object) -> None:
    """Write `value` as readable JSON, atomically."""
    write_atomic(path, json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON written by `write_json`."""
    return json.loads(path.read_text(encoding="utf-8"))


def read_json_lines(path: Path) -> list[Any]:
    """Read a file with a JSON value a line; a last line that was cut short is left out."""
    # Not by `splitlines`: JSON leaves other ends of lines, such as U+2028, in texts as they are.
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def write_sealed(path: Path, values: Mapping[str, object]) -> None:
    """Write JSON-like values, with the checksum of all of them as a last one, `crc32`."""
    whole = json.loads(json.dumps(values))  # as it will be read
    write_json(path, {**whole, "crc32": crc_of(whole)})


def read_sealed(path: Path) -> Json:
    """What `write_sealed` has written; values without a checksum, as files of before have none, are taken as they are.

    Raises ValueError for anything else, OSError.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError("it is nested without end") from None
    if not isinstance(values, dict):
        raise ValueError(f"it holds a {type(values).__name__} and no fields")
    crc = values.pop("crc32", None)
    if crc is not None and crc != crc_of(values):
        raise ValueError("its content is not what was written")
    return values


def crc_of(values: Mapping[str, object]) -> str:
    """The checksum of values as they are read from JSON: of their JSON with sorted keys and no spaces."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return f"{zlib.crc32(text.encode('utf-8', 'surrogatepass')):08x}"


def now() -> str:
    """The time now: ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def moment(seconds: float) -> str:
    """A Unix time: ISO 8601, UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
