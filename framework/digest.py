"""Digests by which results are addressed: equal inputs give equal digests on every machine."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def digest_of(value: Any) -> str:
    """Digest of a JSON-like value, whatever the order of its keys: 16 hexadecimal characters (64 bits)."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def digest_of_strings(parts: Iterable[str]) -> str:
    """Digest of a sequence of strings; the boundaries between them count."""
    hasher = hashlib.blake2b(digest_size=8)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        hasher.update(len(data).to_bytes(8, "little"))
        hasher.update(data)
    return hasher.hexdigest()


def digest_of_files(paths: Iterable[Path]) -> str:
    """Digest of files' names and contents, whatever the order in which they are given."""
    hasher = hashlib.blake2b(digest_size=8)
    for path in sorted(paths, key=lambda p: p.name):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        hasher.update(f"{path.name}\0{content}\0".encode())
    return hasher.hexdigest()
