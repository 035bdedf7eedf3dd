"""What a model reads: rows of tokens as columns, and how long texts are cut for it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from distil.framework.config import Section
from distil.framework.errors import RecipeError
from distil.framework.language.words import count_of


class Features(Protocol):
    """N rows with T tokens altogether. Row r owns the tokens rows[r] to rows[r + 1]; a task has more columns beside."""

    @property
    def rows(self) -> NDArray[np.int64]:
        """Where each row's tokens begin, and where the last one's end. [N + 1]"""

    @property
    def input_ids(self) -> NDArray[np.int32]:
        """Numbers of the tokens. [T]"""

    @property
    def token_types(self) -> NDArray[np.int8] | None:
        """Their types; None where the model has none. [T]"""

    @property
    def example(self) -> NDArray[np.int32]:
        """Number of each row's example, in order. [N]"""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of every row. [N]"""

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class TokenRows:
    """See Features: tokens and nothing else."""

    rows: NDArray[np.int64]  # [N + 1]
    input_ids: NDArray[np.int32]  # [T]
    token_types: NDArray[np.int8] | None  # [T]; None where the model has none
    example: NDArray[np.int32]  # [N]; number of the row's example

    def __len__(self) -> int:
        return len(self.example)

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of every row. [N]"""
        return np.diff(self.rows)

    def slice_of(self, row: int) -> slice:
        """Where the tokens of a row lie in the token columns."""
        return slice(int(self.rows[row]), int(self.rows[row + 1]))

    def of_examples(self, count: int) -> NDArray[np.int64]:
        """Bounds of every example's rows: example e owns the rows bounds[e] to bounds[e + 1]. [count + 1]"""
        return np.searchsorted(self.example, np.arange(count + 1)).astype(np.int64)


class WindowSettings(Section):
    """Overlapping windows over the context (Devlin et al., arXiv 1810.04805), in tokens."""

    max_length: int = Field(
        default=384, ge=16, le=1_000_000, description="Tokens of question, context and special tokens together."
    )
    doc_stride: int = Field(
        default=128, ge=0, le=1_000_000, description="Context tokens that neighbouring windows share."
    )
    max_question: int = Field(default=64, ge=1, le=1_000_000, description="Question tokens kept.")

    @property
    def standstill(self) -> str | None:
        """That windows cannot get on in a text, in words, as a recipe alone tells, which does not know special tokens; None where they can."""
        if self.doc_stride < self.max_length:
            return None
        return (
            f"max_length {self.max_length} is no more than doc_stride {self.doc_stride}, by which windows overlap: lower doc_stride (to "
            f"{self.max_length // 4}, say), or raise max_length"
        )

    def check_room(self, room: int) -> None:
        """Refuse windows that show no more of a text than they share. room: tokens of the text in each. Raises RecipeError."""
        if room <= self.doc_stride:
            raise RecipeError(
                f"windows.max_length {self.max_length} leaves {count_of(max(room, 0), 'token')} of a text in each window, no more than "
                f"doc_stride {self.doc_stride}, by which they overlap; raise max_length, or lower doc_stride"
            )
