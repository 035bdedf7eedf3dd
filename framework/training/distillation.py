"""The objective of models that give logits: gold positions and teachers' signals."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from distil.framework.losses.base import Loss
from distil.framework.tasks.base import Task
from distil.framework.training.engine import TrainingEngine
from distil.framework.training.items import AtTokens, Items, Targets, batch_length, model_inputs

if TYPE_CHECKING:
    from torch import Tensor, nn


@contextmanager
def asked_at(engine: TrainingEngine, targets: Targets) -> Iterator[None]:
    """Have the model that is trained give the logits alone that the targets are compared with, if they say which."""
    if isinstance(targets, AtTokens):
        from distil.framework.models.head_rows import logits_at

        with logits_at(engine.module, targets.tokens):
            yield
    else:
        yield


@dataclass(frozen=True)
class LogitsBatch:
    """Inputs [B, L] and targets of B items."""

    inputs: "dict[str, Tensor]"
    targets: Targets


@dataclass(frozen=True)
class Distillation:
    """Train on `items` with `losses`; labels alone, without signals, are the plain case of it. seed: of random choices."""

    task: Task
    items: Items
    losses: Mapping[str, Loss]
    seed: int

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of every item. [N]"""
        return self.items.features.lengths

    @property
    def terms(self) -> Sequence[str]:
        """See Objective."""
        return list(self.losses)

    def build(self, initial: Path, seed: int) -> "nn.Module":
        """See Objective."""
        from distil.framework.models.build import pretrained_model

        model: nn.Module = pretrained_model(self.task, initial, seed)
        return model

    def prefetch(self, batches: Sequence[NDArray[np.int64]]) -> None:
        """See Objective."""
        self.items.prefetch(batches)

    def batch(self, rows: NDArray[np.int64], counts: bool, step: int) -> LogitsBatch:
        """See Objective. Alternative signals take turns at random, the same for all workers at a step."""
        choice = int(np.random.default_rng([self.seed, step]).integers(2**31))
        features = self.items.features
        inputs = model_inputs(features, rows, self.items.pad_id, batch_length(features, rows))
        return LogitsBatch(inputs, self.items.targets(rows, counts, choice))

    def loss(self, engine: TrainingEngine, batch: LogitsBatch, progress: float) -> "tuple[Tensor, dict[str, Tensor]]":
        """See Objective."""
        from distil.framework.losses.base import total_loss

        with asked_at(engine, batch.targets):
            output = engine(**batch.inputs)
        rows = batch.targets.rows(self.task.logits(output))
        return total_loss(self.losses, rows, progress)

    def save(self, module: "nn.Module", weights: "dict[str, Tensor]", folder: Path) -> None:
        """See Objective."""
        from distil.framework.models.build import save_weights

        save_weights(module, weights, folder)
