"""Kinds of characters, for whole texts at once."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from framework.data.characters import is_blank

Codes = NDArray[np.uint32]


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
