"""Predictors whose models may have several forms, such as an ONNX file, that are held against each other."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from distil.framework.progress import SILENT, Progress
from distil.framework.signals.algebra import Signals
from distil.framework.tasks.base import Examples, InferenceConfig, Own, Plain

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Numbers = Sequence[NDArray[np.float32]]


@runtime_checkable
class Compared(Protocol):
    """See above; it is a Predictor, too. model: a transformers model, or what is called like one."""

    @property
    def model(self) -> Own:
        """See above."""

    @property
    def tokenizer(self) -> "PreTrainedTokenizerFast":
        """The model's."""

    @property
    def inference(self) -> InferenceConfig:
        """How it reads."""

    @property
    def parameters(self) -> int:
        """See Predictor."""

    def predict(self, examples: Examples, progress: Progress = SILENT, title: str = "predict") -> Plain:
        """See Predictor."""

    def signals(self, examples: Examples, proposals: Sequence[Signals] = ()) -> Signals:
        """See Predictor."""

    def compared(
        self, examples: Examples, progress: Progress = SILENT, title: str = "predict"
    ) -> tuple[Plain, Numbers]:
        """Predictions by example id, and the numbers of each row whose difference between two forms counts."""

    def form(self, model: Own, batch_size: int | None) -> Self:
        """The same with another form of its model, which reads so many rows at a time; None: as many as there is room for."""
