"""The recipe: everything that a run depends on, as one strict, frozen model. checks.py has what its sections demand of each
other."""

import re
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationInfo, field_validator, model_validator

from distil.framework.config import MOST_BATCH, BatchTokens, PathText, Section, Seed
from distil.framework.data.features import WindowSettings
from distil.framework.data.section import Data
from distil.framework.digest import digest_of
from distil.framework.ensembles import AnyEnsemble
from distil.framework.files import Json
from distil.framework.losses import Losses
from distil.framework.losses.logits import HardLabel
from distil.framework.metrics import primary_of
from distil.framework.recipe.paths import moved
from distil.framework.recipe.sections import Student, Tracking
from distil.framework.search.section import PRIMARY, Search
from distil.framework.signals.section import SignalSettings
from distil.framework.tasks.registry import DEFAULT_TASK, AnyTask
from distil.framework.teachers import AnyTeacher
from distil.framework.teachers.base import idle_settings, only_writes
from distil.framework.training.section import Engine


class Evaluation(Section):
    """Exact match, F1, their confidence intervals, and latency."""

    split: str = Field(default="dev", description="Split on which every model is evaluated.")
    batch_size: int | None = Field(
        default=None, ge=1, le=MOST_BATCH, description="Windows a forward pass at most; null: any number."
    )
    batch_tokens: BatchTokens = Field(
        default="auto",
        description="Tokens a forward pass at most, what fills windows up included; a window always passes. auto: 4,096 on a "
        "CPU, 32,768 on a GPU.",
    )
    bootstrap: int = Field(default=1000, ge=100, le=100_000, description="Resamples of the 95 % intervals.")
    latency_questions: int = Field(default=100, ge=0, le=100_000, description="Questions timed one by one; 0: none.")
    during_training: bool = Field(
        default=False, description="Whether students are also measured after every epoch of their training."
    )


class Recipe(Section):
    """A distil recipe."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80, description="Names the run's folder.")
    description: str = ""
    seed: Seed = Field(default=0, description="Of weights, order and dropout, where a section names no other.")
    output: PathText = Field(default="runs", description="Folder of runs and of everything they share.")
    storage: str | None = Field(
        default=None,
        max_length=2000,
        description="URI where results are kept as well, such as s3://bucket/folder, for machines that do not share `output`.",
    )
    rehearse: bool = Field(
        default=False, description="Whether the models are only tried out, as `distil rehearse` does."
    )
    data: Data
    task: AnyTask = DEFAULT_TASK
    windows: WindowSettings = WindowSettings()
    teachers: dict[str, AnyTeacher] = Field(default_factory=dict, description="Teachers by name.")
    ensemble: AnyEnsemble | None = Field(default=None, description="How several teachers become one.")
    signals: SignalSettings = SignalSettings()
    student: Student | None = None
    losses: Losses = Field(default={"hard_label": HardLabel()})
    baselines: list[str] = Field(
        default_factory=list,
        description="Students trained for comparison, with the same labelled data, initial weights and number of steps: "
        "no_distillation (labels alone), or a teacher's name (that teacher alone instead of the ensemble).",
    )
    engine: Engine = Engine()
    evaluation: Evaluation = Evaluation()
    tracking: Tracking = Tracking()
    search: Search | None = Field(default=None, description="What `distil search` varies.")

    @model_validator(mode="before")
    @classmethod
    def _read_old_places(cls, values: object) -> object:
        return moved(values)

    @field_validator("storage")
    @classmethod
    def _is_uri(cls, storage: str | None) -> str | None:
        if storage is not None and not re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", storage):
            raise ValueError("expected a URI, such as s3://bucket/folder or file:///mnt/shared")
        return storage

    @field_validator("search")
    @classmethod
    def _primary_metric(cls, search: Search | None, info: ValidationInfo) -> Search | None:
        if search is None or search.metric != PRIMARY or "task" not in info.data:
            return search
        return search.model_copy(update={"metric": primary_of(info.data["task"].metrics).name})

    @model_validator(mode="after")
    def _check_registered(self) -> "Recipe":
        if self.tracking.register is not None and self.student is None:
            raise ValueError("`tracking.register` registers the student, and the recipe has none: add one, or drop it")
        return self

    @property
    def compares(self) -> bool:
        """Whether any loss compares the student with the teachers."""
        return any(loss.source != "labels" for loss in self.losses.values())

    @property
    def distils(self) -> bool:
        """Whether teachers teach the student: by such a loss, or by texts that they write."""
        return self.compares or (self.student is not None and self.student.completions is not None)

    @property
    def held_out(self) -> str:
        """The split on which teachers are calibrated before they teach; there is one where `calibrated` names any."""
        assert self.signals.held_out is not None
        return self.signals.held_out

    @property
    def calibrated(self) -> list[str]:
        """The teachers about whom something has to be known first: a temperature, or a metric for weights."""
        measured = self.ensemble is not None and self.ensemble.metric is not None
        return [
            name
            for name, teacher in self.teachers.items()
            if (measured or teacher.temperature == "calibrated") and not only_writes(teacher)
        ]

    @property
    def digest(self) -> str:
        """Digest of what decides the results: all but where they are put, how they are reported and what is watched, nor
        how long a search may last and what it may take."""
        left_out: Any = {
            "output": True,
            "storage": True,
            "tracking": True,
            "description": True,
            "rehearse": True,
            "evaluation": {"during_training"},
            "engine": {"accept_versions", "dashboard", "parallel"},
            "search": {"trials", "minutes", "resources", "concurrent"} if self.search is not None else True,
            "teachers": {name: idle for name, teacher in self.teachers.items() if (idle := idle_settings(teacher))},
        }
        if (
            self.student is not None
        ):  # what came later is left out where it is not asked for: runs of before stay what they were
            left_out["student"] = {name for name in ("completions", "rounds") if getattr(self.student, name) is None}
        values = self.model_dump(mode="json", exclude=left_out)
        # Teachers count in their order, the only thing in a recipe whose order does; alphabetical goes without saying.
        order = list(self.teachers)
        return digest_of(values if order == sorted(order) else {**values, "order": order})

    @property
    def output_folder(self) -> Path:
        """Absolute folder of runs and of the store that they share."""
        return Path(self.output).expanduser().absolute()

    @property
    def run_folder(self) -> Path:
        """Absolute folder of the run; the same recipe always has the same one."""
        return self.output_folder / f"{self.name}-{self.digest[:8]}"

    def resolved(self) -> Json:
        """The recipe with all defaults filled in, as plain data."""
        return self.model_dump(mode="json")
