"""Rows of different lengths as one tensor."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Ids = NDArray[np.int32]  # numbers of tokens


def padded(rows: Sequence[Ids], fill: int, length: int | None = None, *, left: bool = False) -> "Tensor":
    """int64 [B, L], filled up on the right or on the left; L is `length`, or that of the longest row."""
    import torch

    length = max(len(row) for row in rows) if length is None else length
    result = np.full((len(rows), length), fill, np.int64)
    for number, row in enumerate(rows):
        begin = length - len(row) if left else 0
        result[number, begin : begin + len(row)] = row
    return torch.from_numpy(result)


def prompt_tensors(prompts: Sequence[Ids], fill: int, length: int, *, left: bool = False) -> "tuple[Tensor, Tensor]":
    """Tokens and attention mask of prompts, each int64 [B, length]."""
    ones = [np.ones_like(prompt) for prompt in prompts]
    return padded(prompts, fill, length, left=left), padded(ones, 0, length, left=left)
