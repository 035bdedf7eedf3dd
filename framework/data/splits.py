"""Choosing rows: slices in the notation of the datasets library, cuts by paragraph, and folds."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from framework.config import shortened
from framework.data.example import Example

_SLICE = re.compile(r"(?P<split>[^\[\]()+]+)(\[(?P<start>-?\d{1,12}%?)?:(?P<stop>-?\d{1,12}%?)?\])?")


@dataclass(frozen=True, slots=True)
class Slice:
    """Part of a split. Bounds are rows, or percentages where `percent` is set; None is an open end."""

    split: str
    start: int | None = None
    stop: int | None = None
    percent: bool = False

    def rows(self, total: int) -> range:
        """The rows it means in a split of `total` rows; what lies beyond the end is clipped."""
        start = 0 if self.start is None else self._position(self.start, total)
        stop = total if self.stop is None else self._position(self.stop, total)
        return range(start, stop)

    def _position(self, bound: int, total: int) -> int:
        row = round(bound * total / 100) if self.percent else bound
        return min(max(row + total, 0) if row < 0 else row, total)


def parse_slice(text: str) -> Slice:
    """Read `train`, `train[:1000]` or `train[10%:20%]`.

    One bound in percent makes the other one percent too, as in the datasets library.

    Raises:
        ValueError: the text is neither a split's name nor such a slice.
    """
    match = _SLICE.fullmatch(text)
    if match is None:
        raise ValueError(
            f"'{shortened(text)}' is not a split or a slice of one; write it like train, train[:1000] or train[10%:20%]"
        )
    bounds = [match["start"], match["stop"]]
    percent = any(bound is not None and bound.endswith("%") for bound in bounds)
    start, stop = (None if bound is None else int(bound.removesuffix("%")) for bound in bounds)
    if percent and any(bound is not None and abs(bound) > 100 for bound in (start, stop)):
        raise ValueError(f"'{text}' asks for more than 100%; percentages go from -100% to 100%")
    return Slice(match["split"], start, stop, percent)


def cut_groups(groups: Iterable[str], shares: dict[str, float], seed: int) -> dict[str, str]:
    """Give each distinct group to one of the shares: group -> name, leaving out those of no share.

    Groups are put in the order of a digest of seed and text, so that neither the order of rows nor the
    number of examples of a group plays a part; then the shares are cut off one after the other, each to
    the nearest whole group.
    """
    ordered = sorted(set(groups), key=lambda group: _rank(group, seed))
    side: dict[str, str] = {}
    taken = 0.0
    for name, share in shares.items():
        first, taken = round(taken * len(ordered)), taken + share
        side.update(dict.fromkeys(ordered[first : round(taken * len(ordered))], name))
    return side


def _rank(group: str, seed: int) -> bytes:
    return hashlib.blake2b(f"{seed}\0{group}".encode(), digest_size=16).digest()


def fold_of(example: Example, folds: int) -> int:
    """The fold of an example, known from its group alone, so that every split and run agrees on it."""
    digest = hashlib.blake2b(example.group.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") % folds
