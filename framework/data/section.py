"""The recipe's `data` section, where examples come from and which of them train and which measure, and how rows are chosen: slices in
the notation of the datasets library, cuts by paragraph, and folds."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from distil.framework.config import Section, Seed, shortened
from distil.framework.data.example import Example
from distil.framework.tasks.registry import AnySource

_SLICE = re.compile(r"(?P<split>[^\[\]()+]+)(\[(?P<start>-?\d{1,12}%?)?:(?P<stop>-?\d{1,12}%?)?\])?")
DEFAULT_SPLITS = {"train": "train", "dev": "validation"}


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


class Cut(Section):
    """Cuts one split of the source by paragraph: all questions about a context go to the same side."""

    split: str = Field(default="train", min_length=1, description="the split of the source that is cut")
    shares: dict[str, Annotated[float, Field(gt=0, le=1)]] = Field(
        description="name -> share of the paragraphs, for example {train: 0.8, dev: 0.2}"
    )
    seed: Seed = 0

    @field_validator("shares")
    @classmethod
    def _proper_shares(cls, shares: dict[str, float]) -> dict[str, float]:
        if not shares:
            raise ValueError("there must be at least one share")
        if sum(shares.values()) > 1 + 1e-9:
            raise ValueError(f"the shares add up to {sum(shares.values()):g}; they may add up to 1 at most")
        return shares


class Extra(Section):
    """A split from a source of its own."""

    source: AnySource
    split: str = Field(default="train", description="split of that source or a slice of it")

    @field_validator("split")
    @classmethod
    def _legible_slice(cls, split: str) -> str:
        parse_slice(split)
        return split


class Data(Section):
    """Where examples come from, and which of them train and which measure."""

    source: AnySource
    cut: Cut | None = Field(default=None, description="cut one split by paragraph, instead of naming splits")
    splits: dict[str, str] = Field(
        default_factory=lambda data: {} if data.get("cut") else DEFAULT_SPLITS,
        description="name in this recipe -> split of the source or a slice of it, like train[:1000], train[10%:20%]",
    )
    extra: dict[str, Extra] = Field(
        default_factory=dict,
        description="name in this recipe -> one more split, from another source (transfer data, say)",
    )

    @property
    def names(self) -> list[str]:
        """The splits that it makes, by their names in the recipe."""
        return [*(self.cut.shares if self.cut is not None else self.splits), *self.extra]

    @field_validator("splits")
    @classmethod
    def _legible_slices(cls, splits: dict[str, str]) -> dict[str, str]:
        for text in splits.values():
            parse_slice(text)
        return splits

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.cut is not None and self.splits:
            raise ValueError("both cut and splits are given; cut makes the splits itself: leave one of them out")
        if self.cut is None and not self.splits:
            raise ValueError("splits is empty; name at least one split, or give cut")
        twice = sorted(set(self.extra) & set(self.cut.shares if self.cut is not None else self.splits))
        if twice:
            raise ValueError(f"extra names the split '{twice[0]}', which there is already; give it another name")
        return self
