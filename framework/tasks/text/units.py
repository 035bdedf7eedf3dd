"""Where texts may be cut whatever tokenizer a model has: units, each a word, a number or punctuation with the space before it.

Tokenizers of today cut at least there before they look for tokens (Radford et al. 2019; Kudo & Richardson, arXiv 1808.06226), so
that a unit's first byte is a token's. One that does not says nothing of that place.
"""

import unicodedata
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distil.framework.segments import Ints

VERSION = 4  # of this file's units, of what token_bytes.py makes of vocabularies, and of what ends a text: raise it with any, as signals are stored by them
SPACE, LETTER, NUMBER, OTHER = range(4)  # classes of characters
_APOSTROPHES = "'’"  # which words have within them


def class_of(character: str) -> int:
    """The class of a character. A mark belongs to the letter before it."""
    if character.isspace():
        return SPACE
    if character in _APOSTROPHES or unicodedata.category(character)[0] in "LM":
        return LETTER
    return NUMBER if character.isnumeric() else OTHER


_WIDER = np.asarray([0x80, 0x800, 0x10000], np.uint32)  # from each of these on a character takes a byte more
_known = np.full(0x110000, -1, np.int8)  # classes, as far as they have been asked for


def _classes(characters: NDArray[np.uint32]) -> NDArray[np.int8]:
    """Of many characters: each different one is looked up once."""
    found = _known[characters]
    for new in np.unique(characters[found < 0]).tolist():
        _known[new] = class_of(chr(new))
    return _known[characters] if (found < 0).any() else found


@dataclass(frozen=True)
class Units:
    """The units of a text. bounds: [U + 1], bytes: where each begins, and where the last one ends; classes: int8 [U], of each unit's
    last character."""

    bounds: Ints
    classes: NDArray[np.int8]


def units_of(text: str) -> Units:
    """Its units; none of an empty text.

    A unit is a run of characters of one class, with the single space before it; of a longer run of white space the last space goes
    with what follows.
    """
    characters = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    codes = _classes(characters)
    if not len(codes):
        return Units(np.zeros(1, np.int64), codes)
    begins = np.append(True, codes[1:] != codes[:-1])
    blank = characters == ord(" ")
    after = np.flatnonzero(begins[1:] & (codes[1:] != SPACE) & blank[:-1]) + 1  # what follows a space
    begins[after] = False
    begins[after - 1] = True
    widths = 1 + np.searchsorted(_WIDER, characters, side="right")  # bytes
    ends = np.cumsum(widths)
    at = np.flatnonzero(begins)
    return Units(np.append((ends - widths)[at], ends[-1]), codes[np.append(at[1:], len(codes)) - 1])
