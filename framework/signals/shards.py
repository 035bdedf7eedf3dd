"""Signals on disk: Arrow files whose rows are keyed by question, read through memory maps.

A row holds an example's heads, each with its number of entries and its tail, and the entries of all its heads. Logarithms
are half precision. A file's name ends with the CRC-32 of its bytes, which Arrow files have no place for: a bit that flips on
a disk would teach students something else.
"""

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from distil.framework.data.example import Example
from distil.framework.errors import StoreError
from distil.framework.manifest import checksum
from distil.framework.segments import Ints, bounds, taken, totals
from distil.framework.signals.algebra import NULL, Signals, from_parts, keep_top

FORMAT = 2
Key = tuple[int, int]


def row_key(example: Example) -> Key:
    """The key of an example's row: a digest of its id (64 bits) and one of its texts (32 bits)."""
    *others, last = example.texts
    identity = hashlib.blake2b(example.id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    content = _begun(*others).copy()
    content.update(last.encode("utf-8", "surrogatepass"))
    return int.from_bytes(identity, "little"), int.from_bytes(content.digest(), "little")


@lru_cache(maxsize=256)
def _begun(*texts: str) -> "hashlib.blake2b":
    """A digest of texts, to which the last one is to be added; questions about one context come together."""
    return hashlib.blake2b(
        "".join(f"{len(one)}\0{one}\0" for one in texts).encode("utf-8", "surrogatepass"), digest_size=4
    )


def as_stored(signals: Signals, top_k: int) -> Signals:
    """The signals as a reader of the store gets them: the heaviest `top_k` entries of each head, in half precision.

    Entries that have no mass are left out, but for NULL.
    """
    kept = keep_top(signals, top_k)
    log_p = _half(kept.log_p)
    some = np.isfinite(log_p) | (kept.keys == NULL)
    return Signals(
        kept.heads,
        bounds(totals(some, kept.rows)),
        kept.keys[some],
        log_p[some].astype(np.float32),
        _half(kept.tail).astype(np.float32),
        kept.tail_size,
    )


def write_shard(folder: Path, number: int, keys: Sequence[Key], signals: Signals) -> Path:
    """Write one file of signals `as_stored`, ``shard-NUMBER-CRC.arrow``, whole or not at all; returns its path."""
    heads = {
        "size": _unsigned(np.diff(signals.rows)),
        "tail": _half(signals.tail),
        "tail_size": _unsigned(signals.tail_size),
    }
    entries = {"key": _unsigned(signals.keys - NULL), "log_p": _half(signals.log_p)}
    pairs = np.asarray(keys, np.uint64).reshape(-1, 2)
    table = pa.table(
        {
            "example": pa.array(pairs[:, 0]),
            "content": pa.array(pairs[:, 1].astype(np.uint32)),
            "heads": _lists(signals.heads, heads),
            "entries": _lists(signals.rows[signals.heads], entries),
        }
    )
    temporary = folder / f".shard-{number:05d}.tmp"
    with pa.OSFile(str(temporary), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    return temporary.replace(folder / f"shard-{number:05d}-{checksum(temporary):08x}.arrow")


def _lists(offsets: Ints, columns: Mapping[str, NDArray[np.generic]]) -> pa.ListArray:
    values = pa.StructArray.from_arrays([pa.array(column) for column in columns.values()], names=list(columns))
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), values)


def _unsigned(values: NDArray[np.integer]) -> NDArray[np.unsignedinteger]:
    """In as few bytes as they all fit into."""
    return values.astype(np.min_scalar_type(values.max(initial=0)))


def _half(values: NDArray[np.float32]) -> NDArray[np.float16]:
    """In half precision, whose least value is -65504: what is less likely than that has no mass."""
    with np.errstate(over="ignore"):
        return values.astype(np.float16)


class Part(Protocol):
    """Signals about some examples, by their numbers."""

    def take(self, examples: NDArray[np.integer]) -> Signals:
        """Those about some of them."""


@dataclass(frozen=True)
class _Shard:
    """A mapped file. of_heads, of_entries: [E + 1], which heads and which entries are an example's."""

    keys: list[Key]
    of_heads: Ints
    of_entries: Ints
    heads: Mapping[str, NDArray[np.generic]]
    entries: Mapping[str, NDArray[np.generic]]

    def take(self, examples: NDArray[np.integer]) -> Signals:
        """See Part."""
        head, heads = taken(self.of_heads, examples)
        entry, _ = taken(self.of_entries, examples)
        return Signals(
            heads,
            bounds(self.heads["size"][head].astype(np.int64)),
            self.entries["key"][entry].astype(np.int64) + NULL,
            self.entries["log_p"][entry].astype(np.float32),
            self.heads["tail"][head].astype(np.float32),
            self.heads["tail_size"][head].astype(np.int32),
        )


@dataclass
class Keyed:
    """Signals by the keys of their examples, in parts."""

    parts: list[Part] = field(default_factory=list)
    places: dict[Key, tuple[int, int]] = field(default_factory=dict)

    def add(self, keys: Sequence[Key], part: Part) -> None:
        """Take in one more part, which holds the signals of these keys in their order."""
        self.places.update((key, (len(self.parts), row)) for row, key in enumerate(keys))
        self.parts.append(part)

    def signals(self, keys: Sequence[Key]) -> Signals:
        """Those of some keys. Raises KeyError with one that is not there."""
        places = np.asarray([self.places[key] for key in keys], np.int64).reshape(-1, 2)
        return from_parts(places[:, 0], lambda part, examples: self.parts[part].take(places[examples, 1]))


class SignalReader:
    """The signals of one teacher, by example."""

    def __init__(self, folder: Path) -> None:
        """Map all shards in `folder`. Raises StoreError if one is damaged."""
        self.folder = folder
        self._keyed = Keyed()
        for path in sorted(folder.glob("shard-*.arrow")):
            self.open(path)

    def __reduce__(self) -> tuple[type["SignalReader"], tuple[Path]]:
        """Another process maps the files itself."""
        return SignalReader, (self.folder,)

    def __len__(self) -> int:
        return len(self._keyed.places)

    def __contains__(self, example: Example) -> bool:
        return self.has(row_key(example))

    def has(self, key: Key) -> bool:
        """Whether there is a signal with this key."""
        return key in self._keyed.places

    def prefetch(self, batches: Sequence[Sequence[Example]]) -> None:
        """See TeacherSignals; everything is there already."""

    def signals(self, examples: Sequence[Example]) -> Signals:
        """The signals about some examples. Raises StoreError if there is none about one, or only about another text."""
        try:
            return self._keyed.signals([row_key(example) for example in examples])
        except KeyError as error:
            unknown = next(example for example in examples if row_key(example) == error.args[0])
            known = any(identity == error.args[0][0] for identity, _ in self._keyed.places)
            made = "was made for another text" if known else "is missing"
            raise StoreError(
                f"the signal about question '{unknown.id}' in {self.folder} {made}; delete that folder and run again"
            ) from None

    def open(self, path: Path) -> None:
        """Take in one more shard. Raises StoreError if it is damaged."""
        named = re.fullmatch(r"shard-\d+-([0-9a-f]{8})\.arrow", path.name)
        try:
            if named is None or int(named[1], 16) != checksum(path):
                raise ValueError("its bytes are not those that were written")
            shard = _mapped(pa.ipc.open_file(pa.memory_map(str(path))).read_all().combine_chunks())
        except (pa.ArrowException, ValueError, LookupError, AttributeError, OSError) as error:
            raise StoreError(f"{path} is damaged ({error}); delete the folder {path.parent} and run again") from None
        self._keyed.add(shard.keys, shard)


def _mapped(table: pa.Table) -> _Shard:
    """A file's columns as arrays over the map."""
    keys = [table.column(name).chunk(0).to_numpy().tolist() for name in ("example", "content")]
    heads, entries = (table.column(name).chunk(0) for name in ("heads", "entries"))
    return _Shard(
        list(zip(*keys, strict=True)),
        heads.offsets.to_numpy().astype(np.int64),
        entries.offsets.to_numpy().astype(np.int64),
        {name: heads.values.field(name).to_numpy() for name in ("size", "tail", "tail_size")},
        {name: entries.values.field(name).to_numpy() for name in ("key", "log_p")},
    )


def bytes_on_disk(folder: Path) -> int:
    """Size of all shards in `folder`."""
    return sum(path.stat().st_size for path in folder.glob("shard-*.arrow"))
