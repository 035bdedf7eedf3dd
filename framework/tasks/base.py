"""What a task is to the rest of distil: how text becomes windows, and what a model's logits mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from framework.data.example import Example
from framework.data.windows import Windows
from framework.errors import DataError
from framework.metrics import Metric
from framework.own_source import settings_of
from framework.signals.source import SignalSource, TeacherSignals
from framework.signals.span import SpanSignal
from framework.training.items import TrainingItems

if TYPE_CHECKING:
    from torch import Tensor

Logits = Sequence[NDArray[np.float32]]  # of every window: [H, tokens]


@dataclass(frozen=True)
class Scores:
    """What a model's predictions are worth.

    metrics: by name, those that the task names and any others; intervals: 95 % bootstrap interval of those that it names;
    variants: the same metrics under other normalisations, by its name.
    """

    examples: int
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    variants: dict[str, dict[str, float]]


class Task(Protocol):
    """A task. Its model gives logits for H heads over the tokens of a window."""

    kind: Any

    @property
    def metrics(self) -> Sequence[Metric]:
        """What its models are measured by, in the order of tables; at least one. `score` gives them all."""

    @property
    def variants(self) -> Sequence[str]:
        """Names under which `score` gives the same metrics again, such as another normalisation."""

    @property
    def items(self) -> str:
        """What its examples are called, in the plural."""

    @property
    def measured_with(self) -> tuple[str, ...]:
        """Names of its settings that concern predictions and scores alone; others may decide about training and signals."""

    def model_dump(self, *, mode: str = "python") -> dict[str, Any]:
        """Its settings as plain data (pydantic gives it)."""

    def model_class(self) -> Any:
        """The transformers Auto class of its models."""

    def logits(self, output: Any) -> "Tensor":
        """Logits [B, H, L] from a model's output."""

    def training_items(
        self,
        examples: Sequence[Example],
        windows: Windows,
        pad_id: int,
        signals: SignalSource | None,
        temperatures: Sequence[float],
        at_hand: bool,
    ) -> TrainingItems:
        """Windows with gold positions and signals at each temperature: read now if all are `at_hand`, else when needed."""

    def moved_mass(self, examples: Sequence[Example], windows: Windows, teacher: TeacherSignals) -> float:
        """The share of a teacher's mass (T = 1) that no token covers and that moves to the nearest."""

    def write_signals(self, examples: Sequence[Example], windows: Windows, logits: Logits) -> list[SpanSignal]:
        """A signal for each example."""

    def predict_from_signals(
        self, examples: Sequence[Example], signals: Sequence[SpanSignal], unanswerable: bool
    ) -> dict[str, Any]:
        """Predictions by example id, as `predict` gives them, from what teachers think."""

    def predict(
        self, examples: Sequence[Example], windows: Windows, logits: Logits, unanswerable: bool
    ) -> dict[str, Any]:
        """Predictions by example id, as plain data."""

    def score(
        self,
        examples: Sequence[Example],
        predictions: Mapping[str, Any],
        unanswerable: bool,
        resamples: int,
        seed: int,
    ) -> Scores:
        """Measure predictions against the labelled examples."""


def trained_settings(task: Task) -> dict[str, Any]:
    """The settings of a task that may decide about models and signals; of the user's own with the digest of its source."""
    return {name: value for name, value in settings_of(task).items() if name not in task.measured_with}


def main_metrics(task: Task, metrics: Mapping[str, float]) -> dict[str, float]:
    """Those of the scores' `metrics` that the task names. Raises DataError for a task that does not give what it names."""
    missing = [metric.name for metric in task.metrics if metric.name not in metrics]
    if missing:
        raise DataError(
            f"the task {task.kind} names the metric(s) {', '.join(missing)}, and its scores hold only {', '.join(metrics)}; "
            "have its `score` give them, or drop them from its `metrics`"
        )
    return {metric.name: metrics[metric.name] for metric in task.metrics}
