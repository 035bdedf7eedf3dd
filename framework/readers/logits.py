"""Models that give logits over tokens or texts: students and encoder teachers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from framework.data.example import Example
from framework.data.features import Features
from framework.inference import all_logits
from framework.models.build import count_parameters, pretrained_model
from framework.models.tokenizers import load_model_tokenizer
from framework.progress import SILENT, Progress
from framework.readers.base import Reading
from framework.signals.algebra import Signals
from framework.tasks.base import Logits


@dataclass(frozen=True)
class LogitsReader:
    """See Reader. model: a transformers model, or what is called like one; label_map: what its classes mean, if they are not
    called like the task's labels."""

    model: Any
    tokenizer: Any
    reading: Reading
    label_map: Mapping[str, str | None] | None = None

    @property
    def parameters(self) -> int:
        """See Reader."""
        return count_parameters(self.model)

    def outputs(
        self, examples: Sequence[Example], progress: Progress = SILENT, title: str = "predict"
    ) -> tuple[Features, Logits]:
        """The features of the examples, and the model's logits on them."""
        reading = self.reading
        features = reading.task.features(examples, self.tokenizer, reading.windows)
        pad_id = int(self.tokenizer.pad_token_id)
        filled = not reading.one_by_one
        logits = all_logits(
            reading.task, self.model, features, pad_id, reading.batch_size, reading.precision, progress, title, filled
        )
        return features, reading.task.translated(logits, self.model.config, self.label_map)

    def predict(
        self, examples: Sequence[Example], progress: Progress = SILENT, title: str = "predict"
    ) -> dict[str, Any]:
        """See Reader."""
        features, logits = self.outputs(examples, progress, title)
        return self.reading.task.predict(examples, features, logits)

    def signals(self, examples: Sequence[Example], proposals: Sequence[Signals] = ()) -> Signals:
        """See Reader; proposals are of no use to it."""
        features, logits = self.outputs(examples)
        return self.reading.task.write_signals(examples, features, logits)


def logits_reader(folder: Path, reading: Reading, label_map: Mapping[str, str | None] | None = None) -> LogitsReader:
    """The model in `folder`. Raises ModelError."""
    return LogitsReader(pretrained_model(reading.task, folder), load_model_tokenizer(folder), reading, label_map)
