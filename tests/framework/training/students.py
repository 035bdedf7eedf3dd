"""Students that learn from labels alone: trainings in a second, whole and stopped."""

from pathlib import Path
from typing import Any

import pytest

from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import prepare
from distil.framework.stages.stage import Context, Stage
from distil.framework.training.history import Report, ReportTo
from distil.framework.training.job import Trainer, TrainingJob, TrainingSummary
from distil.framework.training.loop import train_in_process
from tests.tiny import tiny_values


class Stop(Exception):
    """Ends a training."""


def student(output: Path, train: Trainer = train_in_process, **changes: Any) -> tuple[Context, Stage]:
    """Context and training stage of a student; all stages before it done."""
    often = {"student__checkpoint_every": 2, **changes}
    values = tiny_values(output, teachers=None, baselines=None, losses={"hard_label": None}, **often)
    context, graph = prepare(recipe_from_values(values, "here"), train)
    (model,) = graph.models
    assert model.tokenizer is not None
    assert model.trained is not None
    for stage in (model.tokenizer, model.initial):
        context.store.produce(stage.key, stage.make)
    return context, model.trained


def job_of(output: Path, **changes: Any) -> TrainingJob:
    """What a student's training is given, before it begins."""
    caught: list[TrainingJob] = []

    def catch(job: TrainingJob, report: ReportTo) -> TrainingSummary:
        caught.append(job)
        raise Stop

    context, stage = student(output, catch, **changes)
    with pytest.raises(Stop):
        context.store.produce(stage.key, stage.make)
    return caught[0]


def stopped(output: Path, after: int, **changes: Any) -> tuple[Context, Stage, Path]:
    """Begin, or go on with, a training, and end it once it has told of a step: its context, its stage, its folder."""

    def until(job: TrainingJob, report: ReportTo) -> TrainingSummary:
        def told(row: Report) -> None:
            report(row)
            if row.kind == "step" and row.step >= after:
                raise Stop

        return train_in_process(job, told)

    context, stage = student(output, until, **changes)
    folder = stage.folder(context.store)
    folder.mkdir(parents=True, exist_ok=True)
    with pytest.raises(Stop):
        stage.make(folder)
    return *student(output, **changes), folder
