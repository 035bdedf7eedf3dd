"""Models that give logits over tokens or texts: students and encoder teachers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from framework.data.batches import filled_up, in_batches
from framework.data.example import Example
from framework.data.features import Features
from framework.device import autocast, default_device
from framework.files import Json
from framework.models.bounds import count_parameters
from framework.models.build import pretrained_model
from framework.models.probe import most_tokens
from framework.models.tokenizers import load_model_tokenizer
from framework.progress import SILENT, Progress
from framework.signals.algebra import Signals
from framework.tasks.base import InferenceConfig, Logits, Task
from framework.training.items import model_inputs, to_device

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

_STEP = 16  # windows are padded to a multiple of so many tokens


@dataclass(frozen=True)
class LogitsPredictor:
    """See Predictor. model: a transformers model, or what is called like one; label_map: what its classes mean, if they are not
    called like the task's labels."""

    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerFast"
    inference: InferenceConfig
    label_map: Mapping[str, str | None] | None = None

    @property
    def parameters(self) -> int:
        """See Predictor."""
        return count_parameters(self.model)

    def outputs(
        self, examples: Sequence[Example], progress: Progress = SILENT, title: str = "predict"
    ) -> tuple[Features, Logits]:
        """The features of the examples, and the model's logits on them."""
        inference = self.inference
        features = inference.task.features(examples, self.tokenizer, inference.windows)
        pad_id = int(self.tokenizer.pad_token_id)
        filled = not inference.one_by_one
        logits = all_logits(
            inference.task,
            self.model,
            features,
            pad_id,
            inference.batch_size,
            inference.precision,
            progress,
            title,
            filled,
        )
        return features, inference.task.translated(logits, self.model.config, self.label_map)

    def predict(self, examples: Sequence[Example], progress: Progress = SILENT, title: str = "predict") -> Json:
        """See Predictor."""
        features, logits = self.outputs(examples, progress, title)
        return self.inference.task.predict(examples, features, logits)

    def signals(self, examples: Sequence[Example], proposals: Sequence[Signals] = ()) -> Signals:
        """See Predictor; proposals are of no use to it."""
        features, logits = self.outputs(examples)
        return self.inference.task.write_signals(examples, features, logits)


def logits_predictor(
    folder: Path, inference: InferenceConfig, label_map: Mapping[str, str | None] | None = None
) -> LogitsPredictor:
    """The model in `folder`. Raises ModelError."""
    return LogitsPredictor(pretrained_model(inference.task, folder), load_model_tokenizer(folder), inference, label_map)


def all_logits(
    task: Task,
    model: "PreTrainedModel",
    features: Features,
    pad_id: int,
    batch_size: int,
    precision: str,
    progress: Progress = SILENT,
    description: str = "infer",
    filled: bool = True,
) -> list[NDArray[np.float32]]:
    """Logits of every row, each float32 [K, tokens of the row], or [K] of a row as a whole, in their order.

    They are the same, bit for bit, whatever other windows are asked about at the same time: the length to which a window
    is padded depends on the window alone, and batches are filled up, unless not `filled`, as is enough for one question asked alone.
    """
    results: list[NDArray[np.float32]] = [np.empty((0, 0), np.float32)] * len(features)
    with progress.task(description, len(features), "windows") as work:
        for rows, logits in _batches(task, model, features, pad_id, batch_size, precision, filled):
            for row, values in zip(rows, logits, strict=True):
                results[row] = values[:, : features.lengths[row]] if values.ndim > 1 else values
            work.advance(len(rows))
    return results


def _batches(
    task: Task, model: "PreTrainedModel", features: Features, pad_id: int, batch_size: int, precision: str, filled: bool
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    import torch

    device = default_device()
    model.to(device).eval()
    lengths = features.lengths
    wanted = -(-int(lengths.max(initial=1)) // _STEP) * _STEP
    padded = padded_lengths(lengths, most_tokens(task, model.config, wanted))
    # Transformers leaves out a mask that hides nothing, and attention is then computed another way.
    keys = np.stack([padded, padded == lengths], 1)
    with torch.inference_mode(), autocast(device, precision):
        for rows in in_batches(keys, batch_size):
            length = int(padded[rows[0]])
            asked = filled_up(rows, length, batch_size, gpu=device.type != "cpu") if filled else rows
            output = model(**to_device(model_inputs(features, asked, pad_id, length), device))
            yield rows, task.logits(output)[: len(rows)].float().cpu().numpy()


def padded_lengths(lengths: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """The lengths to which windows of these lengths are padded, for a model that reads `most` tokens."""
    return np.maximum(np.minimum(-(-lengths // _STEP) * _STEP, most), lengths)


def alone(inference: InferenceConfig) -> InferenceConfig:
    """How the same model reads one question at a time, which on a GPU is to take no longer for what fills up batches."""
    return replace(inference, precision="fp32", one_by_one=default_device().type != "cpu")
