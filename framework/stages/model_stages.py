"""What is known of one model of a run: the stages that make and measure it."""

from collections.abc import Iterator
from dataclasses import dataclass

from framework.stages.stage import Stage
from framework.stages.supervision import Supervision
from framework.training.section import Training


@dataclass(frozen=True)
class ModelStages:
    """The stages of one model of the table. role: teacher, baseline or student.

    trimmed: the student's first weights with fewer tokens; folds: trainings on all but one fold each, for out-of-fold
    signals; supervision: by whom a student is taught; live: the teachers that run beside it while it is trained.
    """

    name: str
    role: str
    split: str | None
    training: Training | None
    tokenizer: Stage | None
    initial: Stage
    trimmed: Stage | None
    trained: Stage | None
    folds: tuple[Stage, ...]
    supervision: Supervision | None
    live: tuple[str, ...]
    evaluation: Stage

    @property
    def first(self) -> Stage:
        """The stage that leaves the model as it is before any training."""
        return self.trimmed if self.trimmed is not None else self.initial

    @property
    def weights(self) -> Stage:
        """The stage that leaves the model's final weights."""
        return self.trained if self.trained is not None else self.first

    @property
    def askable(self) -> tuple[Stage, ...]:
        """The stages that leave the models that signals come from."""
        return self.folds or (self.weights,)

    @property
    def making(self) -> Iterator[Stage]:
        """All stages before the evaluation."""
        stages = (self.tokenizer, self.initial, self.trimmed, self.trained, *self.folds)
        return (stage for stage in stages if stage is not None)
