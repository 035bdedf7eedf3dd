"""Kinds of characters that texts are compared and cut by, one at a time and for whole texts at once."""

import unicodedata
from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.uint32]


def in_word(character: str) -> bool:
    """Letters, digits, and accents on them."""
    return character.isalnum() or is_accent(character)


def is_accent(character: str) -> bool:
    """A mark that combines with the letter before it."""
    return unicodedata.combining(character) > 0


def is_invisible(character: str) -> bool:
    """Formatting and control characters, such as a soft hyphen or a byte-order mark."""
    return unicodedata.category(character) in ("Cf", "Cc")


@cache
def is_blank(character: str) -> bool:
    """White space, and what cannot be seen."""
    return character.isspace() or is_invisible(character)


def without_blank_ends(text: str) -> tuple[str, int]:
    """The text without blank characters at its ends, and how many were cut off at its beginning."""
    begin, end = 0, len(text)
    while begin < end and is_blank(text[begin]):
        begin += 1
    while begin < end and is_blank(text[end - 1]):
        end -= 1
    return text[begin:end], begin


class Kind:
    """Which characters are of a kind, for whole texts at once."""

    def __init__(self, of_kind: Callable[[str], bool]) -> None:
        self._of_kind = of_kind
        self._known = np.full(0x110000, -1, np.int8)  # -1: nobody has asked yet

    def __call__(self, codes: Codes) -> NDArray[np.bool_]:
        """Whether the characters with these code points are."""
        found = self._known[codes]
        if (found < 0).any():
            for code in np.unique(codes[found < 0]).tolist():
                self._known[code] = self._of_kind(chr(code))
            found = self._known[codes]
        return found.astype(bool)


def codes(text: str) -> Codes:
    """The code points of a text."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


is_space = Kind(str.isspace)
blank = Kind(is_blank)
