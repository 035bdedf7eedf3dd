"""The objective of students that also learn from what live teachers compute inside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from framework.losses.base import weight_at
from framework.losses.live import LiveLoss
from framework.training.distillation import Distillation, LogitsBatch

if TYPE_CHECKING:
    from torch import Tensor

    from framework.training.live_module import LiveStudent

_STUDENT = "student."  # where the student's weights are among the module's


@dataclass(frozen=True)
class LiveDistillation:
    """Losses on logits, and losses on what the student and a teacher compute inside while they read the same batch.

    logits: the former, with all items; losses: the latter; teachers: the folder of each one's teacher; precision: in
    which the teachers compute.
    """

    logits: Distillation
    losses: Mapping[str, LiveLoss]
    teachers: Mapping[str, Path]
    precision: str

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of every item. [N]"""
        return self.logits.lengths

    @property
    def terms(self) -> Sequence[str]:
        """See Objective."""
        return [*self.logits.terms, *self.losses]

    def build(self, initial: Path, seed: int) -> "LiveStudent":
        """See Objective."""
        from framework.training.live_module import live_student

        student = self.logits.build(initial, seed)
        return live_student(self.logits.task, student, self.losses, self.teachers, self.precision, seed)

    def prefetch(self, batches: Sequence[NDArray[np.int64]]) -> None:
        """See Objective."""
        self.logits.prefetch(batches)

    def batch(self, rows: NDArray[np.int64], counts: bool, step: int) -> LogitsBatch:
        """See Objective."""
        return self.logits.batch(rows, counts, step)

    def loss(self, engine: Any, batch: LogitsBatch, progress: float) -> "tuple[Tensor, dict[str, Tensor]]":
        """See Objective."""
        from framework.losses.total import total_loss

        output, live = engine(**batch.inputs)
        rows = batch.targets.rows(self.logits.task.logits(output))
        total, terms = total_loss(self.logits.losses, rows, progress)
        for name, loss in self.losses.items():
            term = (live[name] * batch.targets.weight).sum()
            terms[name] = term.detach()
            total = total + weight_at(loss.weight, progress) * term
        return total, terms

    def save(self, module: Any, weights: "dict[str, Tensor]", folder: Path) -> None:
        """See Objective. Projections are left behind."""
        own = {name.removeprefix(_STUDENT): tensor for name, tensor in weights.items() if name.startswith(_STUDENT)}
        self.logits.save(module.student, own, folder)
