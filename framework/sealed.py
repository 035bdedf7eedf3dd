"""JSON files that carry a checksum of their own content, so that damage is noticed.

Damage, not forgery: CRC-32 finds every flipped bit and every short burst of them, and misses one of 2^32 other changes, at
several times the speed of a cryptographic digest.
"""

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from framework.files import write_json


def write_sealed(path: Path, values: Mapping[str, Any]) -> None:
    """Write JSON-like values, with the checksum of all of them as a last one, `crc32`."""
    whole = json.loads(json.dumps(values))  # as it will be read
    write_json(path, {**whole, "crc32": crc_of(whole)})


def read_sealed(path: Path) -> dict[str, Any]:
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


def crc_of(values: Mapping[str, Any]) -> str:
    """The checksum of values as they are read from JSON: of their JSON with sorted keys and no spaces."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return f"{zlib.crc32(text.encode('utf-8', 'surrogatepass')):08x}"
