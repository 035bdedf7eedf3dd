"""A tokenizer.json, looked at before the library reads it: what would fill the memory, then or with the first text."""

import base64
import binascii
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from framework.errors import ModelError, first_line

MOST_BYTES = 100_000_000  # those of 256,000 tokens come to 35 MB
_LONGEST = 10_000  # characters of a token, a pattern, what replaces it
_CHARSMAP = 10_000_000  # SentencePiece's table, in base64: 330,000 characters for NFKC and lower case
_MOST_LETTERS = 20_000_000  # of all tokens together; the library takes up to 350 bytes for each
_GROWTH = 10_000


def check_tokenizer_file(path: Path) -> None:
    """Refuse a tokenizer.json whose parts, or what its normaliser may make of one character, are without measure.

    A file that this process has found in order is looked at again only if it has changed, as large ones take seconds. Raises
    ModelError, naming the file and the place.
    """
    there = path.stat()
    if there.st_size > MOST_BYTES:
        raise ModelError(f"{path} has {there.st_size / 1e6:,.0f} MB, and {MOST_BYTES / 1e6:,.0f} MB are the most")
    _check(path, there.st_size, there.st_mtime_ns, there.st_ino)


@lru_cache(maxsize=64)
def _check(path: Path, *changes: int) -> None:
    """changes: what differs once the file does."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError(f"expected an object, found {type(values).__name__}")
    except (ValueError, RecursionError) as error:
        raise ModelError(f"no usable tokenizer in {path.parent}: {path.name}: {first_line(error)}") from None
    letters = _count_letters(values, path)
    if letters > _MOST_LETTERS:
        raise ModelError(f"{path}: its tokens have {letters:,} characters together, and {_MOST_LETTERS:,} are the most")
    growth = _growth(values.get("normalizer"))
    if growth > _GROWTH:
        raise ModelError(
            f"{path}: its normalizer can make more than {_GROWTH:,} characters of one; remove what replaces and prepends most"
        )


def _count_letters(values: Mapping[str, Any], path: Path) -> int:
    """Characters of all texts, keys included. Raises ModelError for one that is too long."""
    letters = 0
    left: list[tuple[str, Any]] = [("", values)]
    while left:  # a loop, as vocabularies have hundreds of thousands
        place, value = left.pop()
        texts = [value] if isinstance(value, str) else [text for text in value if isinstance(text, str)]
        longest = max(map(len, texts), default=0)
        most = _CHARSMAP if place.endswith(".precompiled_charsmap") else _LONGEST
        if longest > most:
            raise ModelError(f"{path}: a text at {place[1:]} has {longest:,} characters, and {most:,} are the most")
        letters += sum(map(len, texts))
        if isinstance(value, Mapping):
            inner = value.items()
            left += [(f"{place}.{key}", each) for key, each in inner if isinstance(each, str | list | Mapping)]
        elif isinstance(value, list):
            left += [(place, each) for each in value if isinstance(each, list | Mapping)]
    return letters


def _growth(normalizer: Any) -> float:
    """Characters that a normaliser makes of one at most, those of Unicode's own forms apart."""
    if not isinstance(normalizer, Mapping):
        return 1.0
    match normalizer.get("type"):
        case "Sequence":
            growth = 1.0
            for step in normalizer.get("normalizers") or ():
                growth = min(growth * _growth(step), 2.0 * _GROWTH)  # no number without end either
            return growth
        case "Replace":
            pattern, content = normalizer.get("pattern"), len(str(normalizer.get("content", "")))
            text = pattern.get("String") if isinstance(pattern, Mapping) else None
            return max(1.0, content / len(text)) if text else 1.0 + content  # an empty match adds, and takes nothing
        case "Prepend":
            return 1.0 + len(str(normalizer.get("prepend", "")))
        case "Precompiled":
            return _longest_replacement(str(normalizer.get("precompiled_charsmap", "")))
    return 1.0


def _longest_replacement(charsmap: str) -> float:
    """SentencePiece's table: the size of a trie, the trie, and after it the replacements, each ended by a zero."""
    try:
        table = base64.b64decode(charsmap)
    except (binascii.Error, ValueError):
        return 1.0  # which the library refuses
    trie = int.from_bytes(table[:4], "little")
    return float(max(map(len, table[4 + trie :].split(b"\0")), default=1) or 1)
