"""Signals on disk: Arrow files whose rows are keyed by question, read through memory maps.

A row holds, for start and end, the characters and log-probabilities of the heaviest entries, "no answer here", and the
tail. Log-probabilities are half precision. Rows with fewer entries are filled up with mass 0. A file's name ends with the
CRC-32 of its bytes, which Arrow files have no place for: a bit that flips on a disk would teach students something else.
"""

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from framework.data.example import Example
from framework.errors import StoreError
from framework.manifest import checksum
from framework.signals.span import Floats, Side, SpanSignal, keep_top

FORMAT = 1


def row_key(example: Example) -> tuple[int, int]:
    """The key of an example's row: a digest of its id (64 bits) and one of its texts (32 bits)."""
    *others, last = example.texts
    text = "".join([*(f"{len(one)}\0{one}\0" for one in others), last]).encode("utf-8", "surrogatepass")
    identity = hashlib.blake2b(example.id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(identity, "little"), int.from_bytes(hashlib.blake2b(text, digest_size=4).digest(), "little")


def as_stored(signal: SpanSignal, top_k: int) -> SpanSignal:
    """The signal as a reader of the store gets it: the heaviest `top_k` entries of each side, in half precision."""
    return SpanSignal(_stored_side(signal.start, top_k), _stored_side(signal.end, top_k))


def _stored_side(side: Side, top_k: int) -> Side:
    kept = keep_top(side, top_k)
    null, tail = _half([kept.null, kept.tail])
    return _whole_side(kept.chars, _half(kept.log_mass), null, tail, kept.tail_size)


def write_shard(
    folder: Path, number: int, examples: Sequence[Example], signals: Sequence[SpanSignal], top_k: int
) -> Path:
    """Write one file, ``shard-NUMBER-CRC.arrow``, whole or not at all; returns its path."""
    stored = [as_stored(signal, top_k) for signal in signals]
    last = max(len(example.texts[0]) for example in examples) - 1
    keys = np.asarray([row_key(example) for example in examples], np.uint64)
    columns = {"example": pa.array(keys[:, 0]), "content": pa.array(keys[:, 1].astype(np.uint32))}
    for name, sides in (
        ("start", [signal.start for signal in stored]),
        ("end", [signal.end for signal in stored]),
    ):
        chars = np.zeros((len(sides), top_k), _unsigned(last))
        log_mass = np.full((len(sides), top_k), -np.inf, np.float16)
        for row, side in enumerate(sides):
            chars[row, : len(side.chars)] = side.chars
            log_mass[row, : len(side.chars)] = _half(side.log_mass)
        columns[f"{name}_chars"] = pa.FixedSizeListArray.from_arrays(pa.array(chars.ravel()), top_k)
        columns[f"{name}_log_mass"] = pa.FixedSizeListArray.from_arrays(pa.array(log_mass.ravel()), top_k)
        columns[f"{name}_null"] = pa.array(_half([side.null for side in sides]))
        columns[f"{name}_tail"] = pa.array(_half([side.tail for side in sides]))
        # Byte-level tokens may be several times as many as the characters.
        sizes = [side.tail_size for side in sides]
        columns[f"{name}_tail_size"] = pa.array(np.asarray(sizes, _unsigned(max(sizes))))
    table = pa.table(columns)
    temporary = folder / f".shard-{number:05d}.tmp"
    with pa.OSFile(str(temporary), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    return temporary.replace(folder / f"shard-{number:05d}-{checksum(temporary):08x}.arrow")


def _unsigned(largest: int) -> type[np.unsignedinteger]:
    return np.uint16 if largest < 2**16 else np.uint32


def _half(values: Floats | list[float]) -> NDArray[np.float16]:
    """In half precision, whose least value is -65504: what is less likely than that has no mass."""
    with np.errstate(over="ignore"):
        return np.asarray(values).astype(np.float16)


@dataclass(frozen=True)
class _SideColumns:
    chars: NDArray[np.integer]  # [N, k]
    log_mass: NDArray[np.float16]  # [N, k]
    null: NDArray[np.float16]  # [N]
    tail: NDArray[np.float16]  # [N]
    tail_size: NDArray[np.integer]  # [N]

    def side(self, row: int) -> Side:
        return _whole_side(
            self.chars[row], self.log_mass[row], self.null[row], self.tail[row], int(self.tail_size[row])
        )


def _whole_side(
    chars: NDArray[np.integer], log_mass: NDArray[np.float16], null: np.float16, tail: np.float16, tail_size: int
) -> Side:
    """A side from half precision, without the entries that only fill up or have no mass."""
    real = np.isfinite(log_mass)
    return Side(chars[real].astype(np.int64), log_mass[real].astype(np.float64), float(null), float(tail), tail_size)


@dataclass(frozen=True)
class _Shard:
    start: _SideColumns
    end: _SideColumns


class SignalReader:
    """The signals of one teacher, by example."""

    def __init__(self, folder: Path) -> None:
        """Map all shards in `folder`. Raises StoreError if one is damaged."""
        self.folder = folder
        self._shards: list[_Shard] = []
        self._rows: dict[tuple[int, int], tuple[int, int]] = {}
        for path in sorted(folder.glob("shard-*.arrow")):
            self.open(path)

    def __reduce__(self) -> tuple[type["SignalReader"], tuple[Path]]:
        """Another process maps the files itself."""
        return SignalReader, (self.folder,)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, example: Example) -> bool:
        return row_key(example) in self._rows

    def announce(self, batches: Sequence[Sequence[Example]]) -> None:
        """See TeacherSignals; everything is there already."""

    def signal(self, example: Example) -> SpanSignal:
        """The signal about `example`. Raises StoreError if there is none, or only one about another text."""
        found = self._rows.get(row_key(example))
        if found is None:
            identity, _ = row_key(example)
            made = "was made for another text" if any(key[0] == identity for key in self._rows) else "is missing"
            raise StoreError(
                f"the signal about question '{example.id}' in {self.folder} {made}; delete that folder and run again"
            )
        shard, row = found
        return SpanSignal(self._shards[shard].start.side(row), self._shards[shard].end.side(row))

    def open(self, path: Path) -> None:
        """Take in one more shard. Raises StoreError if it is damaged."""
        parts = ("chars", "log_mass", "null", "tail", "tail_size")
        named = re.fullmatch(r"shard-\d+-([0-9a-f]{8})\.arrow", path.name)  # the first version's files have no checksum
        try:
            if named and int(named[1], 16) != checksum(path):
                raise ValueError("its bytes are not those that were written")
            table = pa.ipc.open_file(pa.memory_map(str(path))).read_all().combine_chunks()
            keys = zip(_flat(table, "example"), _flat(table, "content"), strict=True)
            start, end = (
                _SideColumns(*(_flat(table, f"{name}_{part}") for part in parts))  # type: ignore[arg-type]
                for name in ("start", "end")
            )
        except (pa.ArrowException, ValueError, LookupError, OSError) as error:
            raise StoreError(f"{path} is damaged ({error}); delete the folder {path.parent} and run again") from None
        for row, (identity, content) in enumerate(keys):
            self._rows[int(identity), int(content)] = (len(self._shards), row)
        self._shards.append(_Shard(start, end))


def _flat(table: pa.Table, name: str) -> NDArray[np.generic]:
    """A column as an array over the mapped file: [N], or [N, k] if its rows are lists."""
    column = table.column(name).chunk(0)
    values: NDArray[np.generic]
    if isinstance(column, pa.FixedSizeListArray):
        values = column.values.to_numpy().reshape(len(column), -1)
    else:
        values = column.to_numpy()
    return values


def bytes_on_disk(folder: Path) -> int:
    """Size of all shards in `folder`."""
    return sum(path.stat().st_size for path in folder.glob("shard-*.arrow"))
