"""The recipe's `data` section: where examples come from and which of them train and which measure."""

from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from framework.config import Section, Seed
from framework.data.splits import parse_slice
from framework.tasks.registry import AnySource

DEFAULT_SPLITS = {"train": "train", "dev": "validation"}


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
