"""Rows of different lengths as one tensor."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor


def padded(rows: Sequence[NDArray[np.int32]], fill: int) -> "Tensor":
    """int64 [B, L], filled up on the right."""
    import torch

    result = np.full((len(rows), max(len(row) for row in rows)), fill, np.int64)
    for number, row in enumerate(rows):
        result[number, : len(row)] = row
    return torch.from_numpy(result)
