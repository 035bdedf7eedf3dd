"""The recipe: everything that a run depends on, as one strict, frozen model."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from framework.config import Section, nearest_hint
from framework.data.section import DEFAULT_SPLITS, Data
from framework.data.windows_section import WindowSettings
from framework.digest import digest_of
from framework.evaluation.section import Evaluation
from framework.losses import Losses
from framework.losses.hard_label import HardLabel
from framework.models.section import LayersModel
from framework.signals.section import Signals
from framework.students.section import Student
from framework.tasks import AnyTask
from framework.tasks.extractive_qa import ExtractiveQA
from framework.teachers import AnyTeacher
from framework.tracking_section import Tracking
from framework.training.section import Engine


class Recipe(Section):
    """A distil recipe."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80, description="Names the run's folder.")
    description: str = ""
    seed: int = Field(default=0, ge=0, description="Of weights, order and dropout, where a section names no other.")
    output: str = Field(default="runs", min_length=1, description="Folder of runs and of everything they share.")
    data: Data
    task: AnyTask = ExtractiveQA()
    windows: WindowSettings = WindowSettings()
    teachers: dict[str, AnyTeacher] = Field(default_factory=dict, description="Teachers by name.")
    signals: Signals = Signals()
    student: Student | None = None
    losses: Losses = Field(default={"hard_label": HardLabel()})
    baselines: list[Literal["no_distillation"]] = Field(
        default_factory=list,
        description="Students trained for comparison: same data, initial weights, order and steps, other losses.",
    )
    engine: Engine = Engine()
    evaluation: Evaluation = Evaluation()
    tracking: Tracking = Tracking()

    @model_validator(mode="after")
    def _check(self) -> "Recipe":
        problems = [*self._teacher_problems(), *self._student_problems(), *self._split_problems()]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def distils(self) -> bool:
        """Whether any loss compares the student with the teachers."""
        return any(loss.source == "signal" for loss in self.losses.values())

    @property
    def digest(self) -> str:
        """Digest of what decides the results: all but where they are put and where they are reported."""
        return digest_of(self.model_dump(mode="json", exclude={"output", "tracking", "description"}))

    @property
    def run_folder(self) -> Path:
        """Absolute folder of the run; the same recipe always has the same one."""
        return Path(self.output).absolute() / f"{self.name}-{self.digest[:8]}"

    def _teacher_problems(self) -> list[str]:
        problems = []
        if not self.teachers and self.student is None:
            problems.append("nothing to do: give `teachers`, a `student`, or both")
        for name in self.teachers:
            if name in ("student", "student_no_distillation") or "/" in name or not name.strip():
                problems.append(f"'{name}' cannot name a teacher: it names a student, or is no file name")
        if len(self.teachers) > 1 and self.student is not None and self.distils:
            problems.append(
                f"{len(self.teachers)} teachers ({', '.join(self.teachers)}): a student is distilled from one teacher; keep one"
            )
        return problems

    def _student_problems(self) -> list[str]:
        if self.student is None:
            # Defaults may be spelled out, as a resolved recipe does.
            idle = {"baselines": self.baselines, "losses": self.losses != {"hard_label": HardLabel()}}
            return [
                f"`{name}` is for a student, and there is none: add `student`, or drop it"
                for name, given in idle.items()
                if given
            ]
        problems = []
        if self.distils and not self.teachers:
            names = [name for name, loss in self.losses.items() if loss.source == "signal"]
            problems.append(f"the losses {names} compare with teachers, and there are none: add `teachers`")
        if self.baselines and not self.distils:
            problems.append("`baselines` would repeat the student: no loss compares with a teacher; drop `baselines`")
        if self.teachers and not self.distils and not isinstance(self.student.model, LayersModel):
            problems.append(
                "no loss compares the student with the teachers: add one (kl, say) to `losses`, or drop `teachers`"
            )
        if isinstance(self.student.model, LayersModel) and self.student.model.teacher not in self.teachers:
            hint = nearest_hint(self.student.model.teacher, list(self.teachers))
            problems.append(f"student.model.teacher: no teacher is called '{self.student.model.teacher}'; {hint}")
        if len(set(self.baselines)) < len(self.baselines):
            problems.append("`baselines` names one twice")
        return problems

    def _split_problems(self) -> list[str]:
        legal = self.data.names
        wanted = {
            f"teachers.{name}.split": teacher.split for name, teacher in self.teachers.items() if teacher.fine_tune
        }
        if self.student is not None:
            wanted["student.split"] = self.student.split
        wanted["evaluation.split"] = self.evaluation.split
        problems = [
            f"{place}: no split of `data` is called '{split}'; {nearest_hint(split, legal)}"
            for place, split in wanted.items()
            if split not in legal
        ]
        idle = [name for name in legal if name not in wanted.values()]
        if idle and (self.data.cut is not None or self.data.splits != DEFAULT_SPLITS):
            problems.append(f"data: the split(s) {', '.join(idle)} are used by nothing: drop them")
        return problems

    def resolved(self) -> dict[str, Any]:
        """The recipe with all defaults filled in, as plain data."""
        return self.model_dump(mode="json")
