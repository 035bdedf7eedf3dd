"""Models that give logits over tokens or texts: students and encoder teachers."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from distil.framework.data.batches import Rows, alike, filled_up, in_batches, padded_lengths
from distil.framework.data.example import Example
from distil.framework.data.features import Features
from distil.framework.device import autocast, default_device
from distil.framework.files import Json
from distil.framework.models.bounds import count_parameters
from distil.framework.models.build import pretrained_model
from distil.framework.models.formats import WeightFormat
from distil.framework.models.probe import most_tokens
from distil.framework.models.tokenizers import load_model_tokenizer
from distil.framework.progress import SILENT, Progress
from distil.framework.signals.algebra import Signals
from distil.framework.signals.steps import ask
from distil.framework.tasks.base import InferenceConfig, Logits
from distil.framework.training.items import model_inputs
from distil.framework.transfer import Coming, on_device

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


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
        task = self.inference.task
        features = task.features(examples, self.tokenizer, self.inference.windows)
        logits = all_logits(self.model, features, int(self.tokenizer.pad_token_id), self.inference, progress, title)
        return features, task.translated(logits, self.model.config, self.label_map)

    def predict(self, examples: Sequence[Example], progress: Progress = SILENT, title: str = "predict") -> Json:
        """See Predictor."""
        features, logits = self.outputs(examples, progress, title)
        return self.inference.task.predict(examples, features, logits)

    def predict_features(self, examples: Sequence[Example], features: Features) -> Json:
        """See ReadsFeatures."""
        task = self.inference.task
        logits = all_logits(self.model, features, int(self.tokenizer.pad_token_id), self.inference)
        return task.predict(examples, features, task.translated(logits, self.model.config, self.label_map))

    def compared(
        self, examples: Sequence[Example], progress: Progress = SILENT, title: str = "predict"
    ) -> tuple[Json, Sequence[NDArray[np.float32]]]:
        """See Compared: logits."""
        task, (features, logits) = self.inference.task, self.outputs(examples, progress, title)
        return task.predict(examples, features, logits), task.compared(features, logits)

    def form(self, model: "PreTrainedModel", batch_size: int | None) -> Self:
        """See Compared."""
        return replace(self, model=model, inference=replace(self.inference, batch_size=batch_size))

    def signals(self, examples: Sequence[Example], proposals: Sequence[Signals] = ()) -> Signals:
        """See Predictor; proposals are of no use to it."""
        return ask(self, examples)

    def prepare(
        self, examples: Sequence[Example], proposals: Sequence[Signals] = ()
    ) -> tuple[Sequence[Example], Features]:
        """See Steps: tokens."""
        return examples, self.inference.task.features(examples, self.tokenizer, self.inference.windows)

    def run(self, prepared: tuple[Sequence[Example], Features]) -> tuple[Sequence[Example], "ComingLogits"]:
        """See Steps."""
        examples, features = prepared
        return examples, ComingLogits.of(self.model, features, int(self.tokenizer.pad_token_id), self.inference)

    def signals_of(self, said: tuple[Sequence[Example], "ComingLogits"]) -> Signals:
        """See Steps."""
        (examples, coming), task = said, self.inference.task
        logits = task.translated(coming.logits(), self.model.config, self.label_map)
        return task.write_signals(examples, coming.features, logits)


def logits_predictor(
    folder: Path,
    inference: InferenceConfig,
    label_map: Mapping[str, str | None] | None = None,
    weights: WeightFormat | None = None,
) -> LogitsPredictor:
    """The model in `folder`; weights: in which format, None: in that in which they are saved. Raises ModelError."""
    model = pretrained_model(inference.task, folder, weights=weights)
    return LogitsPredictor(model, load_model_tokenizer(folder), inference, label_map)


def all_logits(
    model: "PreTrainedModel",
    features: Features,
    pad_id: int,
    inference: InferenceConfig,
    progress: Progress = SILENT,
    description: str = "infer",
) -> list[NDArray[np.float32]]:
    """Logits of every row, each float32 [K, tokens of the row], or [K] of a row as a whole, in their order.

    On a CPU they are the same, bit for bit, whatever other windows are asked about at the same time: the length to which a
    window is padded depends on the window alone, and no product shows how many rows it has.
    """
    return ComingLogits.of(model, features, pad_id, inference, progress, description).logits()


@dataclass(frozen=True)
class ComingLogits:
    """What a model was asked for. batches: numbers of rows, and their logits, which come one batch after the other."""

    features: Features
    batches: Sequence[tuple[Rows, Coming]]

    @classmethod
    def of(
        cls,
        model: "PreTrainedModel",
        features: Features,
        pad_id: int,
        inference: InferenceConfig,
        progress: Progress = SILENT,
        description: str = "infer",
    ) -> Self:
        """Ask for those of every row. Nothing here waits for a GPU, which so has always something to do."""
        batches = []
        with progress.task(description, len(features), "windows") as work:
            for rows, logits in _batches(model, features, pad_id, inference):
                batches.append((rows, Coming(logits)))
                work.advance(len(rows))
        return cls(features, batches)

    def logits(self) -> list[NDArray[np.float32]]:
        """See `all_logits`; once they are there."""
        found: list[NDArray[np.float32]] = [np.empty((0, 0), np.float32)] * len(self.features)
        lengths = self.features.lengths
        for rows, coming in self.batches:
            for row, values in zip(rows, coming.numpy(), strict=True):
                found[row] = values[:, : lengths[row]] if values.ndim > 1 else values
        return found


def _batches(
    model: "PreTrainedModel", features: Features, pad_id: int, inference: InferenceConfig
) -> Iterator[tuple[Rows, "Tensor"]]:
    import torch

    from distil.framework.models.attention import unread_masks

    device = default_device()
    model.to(device).eval()
    limit, lengths = inference.limit(device), features.lengths
    # Asked the same each time, as a model is run for the answer.
    longest = np.append(lengths, inference.windows.max_length)
    wanted = int(padded_lengths(longest, sys.maxsize).max())
    padded = padded_lengths(lengths, most_tokens(inference.task, model.config, wanted))
    masks = unread_masks() if limit.gpu else nullcontext()
    with torch.inference_mode(), autocast(device, inference.precision), masks:
        for rows in in_batches(alike(padded, lengths, limit), padded, limit):
            length = int(padded[rows[0]])
            asked = rows if inference.one_by_one else filled_up(rows, limit.gpu, length)
            output = model(**on_device(model_inputs(features, asked, pad_id, length), device))
            yield rows, inference.task.logits(output)[: len(rows)].float()


def alone(inference: InferenceConfig) -> InferenceConfig:
    """How the same model reads one question at a time, which on a GPU is to take no longer for what fills up batches."""
    return replace(inference, precision="fp32", one_by_one=default_device().type != "cpu", answers=None)
