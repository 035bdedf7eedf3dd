"""Measuring a model while it is trained, just as it will be measured when it is finished."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from distil.framework.data.features import Features
from distil.framework.tasks.base import Examples, InferenceConfig, Plain, Predictor, Task
from distil.framework.tasks.facts import main_metrics

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


class Reading(Protocol):
    """How the model in a folder is asked."""

    def predictions(self, folder: Path, splits: Mapping[str, Examples]) -> dict[str, Plain]:
        """Its predictions on the examples of each kind of row, by id."""


@runtime_checkable
class ReadsFeatures(Protocol):
    """A predictor to which examples may come as it reads them."""

    def predict_features(self, examples: Examples, features: Features) -> Plain:
        """Predictions by example id, as far as they are needed while a model is trained."""


@dataclass(frozen=True)
class Validation:
    """Examples on which a model is measured on the way, by the kind of row that its figures make."""

    task: Task
    splits: Mapping[str, Examples]
    reading: Reading

    @property
    def size(self) -> int:
        """How many examples there are."""
        return sum(len(examples) for examples in self.splits.values())

    def measure(self, folder: Path) -> dict[str, dict[str, float]]:
        """The metrics that the task names of the model in `folder`, by kind of row."""
        predictions = self.reading.predictions(folder, self.splits)
        figures = {}
        for kind, examples in self.splits.items():
            scores = self.task.score(examples, predictions[kind], resamples=1, seed=0)
            figures[kind] = main_metrics(self.task, scores.metrics)
        return figures


@dataclass(frozen=True)
class StudentReading:
    """See Reading. features: the examples in the model's tokens, by kind of row; tokenizer: the model's, which is put beside it."""

    features: Mapping[str, Features]
    tokenizer: "PreTrainedTokenizerFast"
    inference: InferenceConfig

    def predictions(self, folder: Path, splits: Mapping[str, Examples]) -> dict[str, Plain]:
        """See Reading."""
        self.tokenizer.save_pretrained(str(folder))
        predictor = self.inference.task.predictor(folder, self.inference)
        return {
            kind: predictor.predict_features(examples, self.features[kind])
            if isinstance(predictor, ReadsFeatures)
            else predictor.predict(examples)
            for kind, examples in splits.items()
        }


class Opens(Protocol):
    """What opens a trained model: a teacher's section."""

    def predictor(self, folder: Path, inference: InferenceConfig) -> Predictor:
        """The model in `folder`."""


@dataclass(frozen=True)
class TeacherReading:
    """See Reading; tokenizer: the model's, which is put beside it."""

    teacher: Opens
    tokenizer: "PreTrainedTokenizerFast"
    inference: InferenceConfig

    def predictions(self, folder: Path, splits: Mapping[str, Examples]) -> dict[str, Plain]:
        """See Reading."""
        self.tokenizer.save_pretrained(str(folder))
        predictor = self.teacher.predictor(folder, self.inference)
        return {kind: predictor.predict(examples) for kind, examples in splits.items()}
