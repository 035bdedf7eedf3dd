"""What a loaded model is to evaluation, to signals and to `distil answer`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from framework.data.windows_section import WindowSettings
from framework.device import default_device
from framework.progress import SILENT, Progress
from framework.signals.algebra import Signals
from framework.tasks.base import Examples, Task


@dataclass(frozen=True)
class InferenceConfig:
    """How a model reads: the task, the windows, and how it is run.

    batch_size: windows a forward pass; precision: fp32, bf16 or fp16; one_by_one: one question is asked at a time, so that
    batches need not be filled up on a GPU for all to come out alike.
    """

    task: Task
    windows: WindowSettings
    batch_size: int
    precision: str
    one_by_one: bool = False


def alone(inference: InferenceConfig) -> InferenceConfig:
    """How the same model reads one question at a time, which on a GPU is to take no longer for what fills up batches."""
    return replace(inference, precision="fp32", one_by_one=default_device().type != "cpu")


class Predictor(Protocol):
    """A loaded model. What it says about a question does not depend on what else it is asked at the same time."""

    @property
    def parameters(self) -> int:
        """Parameters of the model, shared ones once."""

    def predict(self, examples: Examples, progress: Progress = SILENT, title: str = "predict") -> dict[str, Any]:
        """Predictions by example id, as predictions.json holds them. A text that the context lacks lies at -1:-1."""

    def signals(self, examples: Examples, proposals: Sequence[Signals] = ()) -> Signals:
        """What the model thinks about each example. proposals: other teachers' signals about the same examples."""
