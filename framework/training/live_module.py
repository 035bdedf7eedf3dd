"""The module that is trained with live losses: the student and projections, beside teachers that stay as they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from framework.device import autocast, default_device
from framework.losses.live import LiveLoss, States, Wanted
from framework.models.build import pretrained_model
from framework.models.kind import ModelKind
from framework.training.live_states import run_with_states


@dataclass(frozen=True)
class LiveTerm:
    """A loss and what is trained for it beside the student."""

    loss: LiveLoss
    projection: nn.Module | None


@dataclass(frozen=True)
class LiveTeacher:
    """A teacher that reads every batch once for all losses that look into it, by name."""

    model: Any
    wanted: Wanted
    precision: str
    terms: Mapping[str, LiveTerm]

    def read(self, inputs: dict[str, Tensor]) -> States:
        """What the teacher computes inside on inputs [B, L]."""
        with torch.no_grad(), autocast(inputs["input_ids"].device, self.precision):
            return run_with_states(self.model, inputs, self.wanted)[1]


class LiveStudent(nn.Module):
    """`student` and `projections` are trained. Teachers are not among the submodules: the engine, its checkpoints and
    ZeRO leave them alone."""

    def __init__(self, student: nn.Module, wanted: Wanted, teachers: list[LiveTeacher]) -> None:
        super().__init__()
        self.student = student
        terms = [term for teacher in teachers for term in teacher.terms.values()]
        self.projections = nn.ModuleList([term.projection for term in terms if term.projection is not None])
        self.teachers = teachers
        self.wanted = wanted

    def forward(self, **inputs: Tensor) -> tuple[Any, dict[str, Tensor]]:
        """The student's output on inputs [B, L], and each term's loss of each row [B]."""
        output, own = run_with_states(self.student, inputs, self.wanted)
        mask = inputs["attention_mask"].bool()
        rows: dict[str, Tensor] = {}
        for teacher in self.teachers:
            states = teacher.read(inputs)
            for name, term in teacher.terms.items():
                rows[name] = term.loss(own, states, mask, term.projection)
        return output, rows


def live_student(
    task: ModelKind,
    student: Any,
    losses: Mapping[str, LiveLoss],
    folders: Mapping[str, Path],
    precision: str,
    seed: int,
) -> LiveStudent:
    """The student with new projections, the same from the same seed, and its teachers on this machine's device.

    folders: of each loss's teacher. Raises ModelError for a teacher that cannot be loaded or compared with the student.
    """
    wanted, teachers = Wanted(), []
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for folder in dict.fromkeys(folders.values()):
            model = pretrained_model(task, folder, seed).to(default_device()).eval()
            seen, terms = Wanted(), {}
            for name, loss in losses.items():
                if folders[name] == folder:
                    in_student, in_teacher = loss.wants(student.config, model.config)
                    wanted, seen = wanted | in_student, seen | in_teacher
                    terms[name] = LiveTerm(loss, loss.new_projection(student.config, model.config))
            teachers.append(LiveTeacher(model, seen, precision, terms))
    return LiveStudent(student, wanted, teachers)
