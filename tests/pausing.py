"""Trainings that pause once they have a checkpoint, so that whoever wants to disturb them there is never too late; and such as fail."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal

from distil.framework.config import Section
from distil.framework.errors import TrainingError
from distil.framework.losses.base import Target, Weight


class Pausing(Section):
    """A loss of nothing, for which trainings wait as long as there is the file `pause` and a checkpoint at `checkpoint`, a pattern."""

    kind: str
    weight: Weight = 1.0
    pause: str
    checkpoint: str
    source: ClassVar[Literal["labels"]] = "labels"
    temperature: ClassVar[float] = 1.0

    def __call__(self, logits: Any, target: Target) -> Any:
        """See Loss."""
        folder = Path(self.pause).parent
        while Path(self.pause).exists() and any(folder.glob(self.checkpoint)):
            time.sleep(0.02)
        return 0 * logits.sum(-1)


class Failing(Section):
    """A loss of nothing, which fails in a training's second worker."""

    kind: str
    weight: Weight = 1.0
    source: ClassVar[Literal["labels"]] = "labels"
    temperature: ClassVar[float] = 1.0

    def __call__(self, logits: Any, target: Target) -> Any:
        """See Loss."""
        if os.environ["RANK"] == "1":
            raise TrainingError("the second worker fails")
        return 0 * logits.sum(-1)


@contextmanager
def paused(pause: Path) -> Iterator[None]:
    """Have trainings pause, until the context ends."""
    pause.touch()
    try:
        yield
    finally:
        pause.unlink()
