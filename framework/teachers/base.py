"""What a teacher is to the rest of distil."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from framework.data.example import Example
    from framework.data.features import WindowSettings
    from framework.models.kind import ModelKind
    from framework.progress import Progress
    from framework.tasks.base import InferenceConfig, Predictor, Task
    from framework.teachers.section import Actor
    from framework.training.objective import Objective
    from framework.training.section import Training


class Teacher(Protocol):
    """A recipe's teacher section.

    model, tokenizer: where they come from, or None (see `without_model` in section.py); fine_tune: how the model is
    trained on `split`, if at all; windows: how it reads (default: as the recipe says); temperature: divides its logits
    before anything else; crossfit: number of folds for out-of-fold signals; actor: what a Ray actor takes that streams
    its signals.
    """

    kind: Any
    model: Any
    tokenizer: Any
    fine_tune: "Training | None"
    split: str
    windows: "WindowSettings | None"
    temperature: float | Literal["calibrated"]
    crossfit: int | None
    actor: "Actor"

    @property
    def trained_with(self) -> tuple[str, ...]:
        """Names of its own settings that decide how it is trained; others may change without training it anew."""

    @property
    def takes_proposals(self) -> bool:
        """Whether it is shown the signals of those teachers that take none."""

    def model_kind(self, task: "Task", config: Any) -> "ModelKind":
        """Which models it has; `config` is its model's configuration."""

    def objective(
        self,
        inference: "InferenceConfig",
        examples: "Sequence[Example]",
        tokenizer: "PreTrainedTokenizerFast",
        seed: int,
        progress: "Progress",
    ) -> "Objective":
        """What it is fine-tuned towards."""

    def predictor(self, folder: Path, inference: "InferenceConfig") -> "Predictor":
        """The trained model in `folder`. Raises ModelError."""

    def model_dump(self, *, mode: str = "python") -> dict[str, Any]:
        """Its settings as plain data (pydantic gives it)."""
