"""What is trained, to the loop that trains it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from distil.framework.training.engine import TrainingEngine

if TYPE_CHECKING:
    from torch import Tensor, nn


class Objective(Protocol):
    """N items (windows, prompts) and what a model's outputs on them cost. Pickled to Ray workers, so plain data."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of every item. [N]"""

    @property
    def terms(self) -> Sequence[str]:
        """Names of the terms that `loss` returns."""

    def build(self, initial: Path, seed: int) -> "nn.Module":
        """The module to train, from the model in `initial`."""

    def prefetch(self, batches: Sequence[NDArray[np.int64]]) -> None:
        """Say which items this worker will ask for, in this order, so that what they need can be fetched ahead."""

    def batch(self, rows: NDArray[np.int64], counts: bool, step: int) -> Any:
        """The items `rows`: a dataclass of tensors on the CPU; its `inputs`, by name, are what the module is run with. With `counts` false they
        weigh nothing (they only fill up a batch).

        A thread calls this, in the order of training.
        """

    def loss(self, engine: TrainingEngine, batch: Any, progress: float) -> "tuple[Tensor, dict[str, Tensor]]":
        """Run the module (by calling `engine`) on a batch that is on its device.

        progress: share of the training that is done. Returns the loss summed over the items (scalar, with gradient) and
        each term's unweighted sum (scalars, without).
        """

    def save(self, module: "nn.Module", weights: "dict[str, Tensor]", folder: Path) -> None:
        """Save the trained model in Hugging Face form; `weights` are the module's, whole and in float32."""
