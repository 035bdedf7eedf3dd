"""A training as plain data, so that it can be sent to another process."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from distil.framework.files import Json
from distil.framework.store import Store
from distil.framework.training.history import ReportTo
from distil.framework.training.objective import Objective
from distil.framework.training.section import Engine, Training
from distil.framework.training.selection import Selection
from distil.framework.training.validation import Validation

CHECKPOINTS = "checkpoints"  # a folder in that of the result


@dataclass(frozen=True)
class TrainingJob:
    """Train the model in `initial` towards `objective`; leave the result in `output`/model, checkpoints beside it.

    precision and workers are what engine's `auto` came to; seed decides order and dropout; steps: of the optimizer, of which
    the last epoch may be a part; store: the one that `output` lies in; validation: measures the model on the way, None: nobody does;
    selection: what is decided by that, None: nothing.
    """

    objective: Objective
    initial: Path
    output: Path
    training: Training
    engine: Engine
    precision: str
    workers: int
    seed: int
    steps: int
    store: Store
    validation: Validation | None = None
    selection: Selection | None = None

    @property
    def patience(self) -> timedelta:
        """How long workers wait for each other at most: while one loads, brings files to the storage, or measures for all."""
        measured = 0 if self.validation is None else self.validation.size
        return timedelta(hours=1, seconds=10 * measured)

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.output / CHECKPOINTS

    @property
    def history(self) -> Path:
        """File of what was reported; only where reports arrive."""
        return self.output / "history.jsonl"


@dataclass(frozen=True)
class TrainingSummary:
    """What a finished training was: optimizer steps, items (windows, prompts) seen, seconds over all its attempts, and what came of
    its selection, if it had one."""

    steps: int
    windows: int
    seconds: float
    selection: Json | None = None

    def as_facts(self) -> Json:
        """As plain data."""
        chosen = {} if self.selection is None else {"selection": self.selection}
        return {"steps": self.steps, "windows": self.windows, "seconds": self.seconds, **chosen}


Trainer = Callable[[TrainingJob, ReportTo], TrainingSummary]
