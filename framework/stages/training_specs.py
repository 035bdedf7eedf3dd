"""What models are trained on: teachers on labels, students on labels and on what teachers think."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from framework.answer import save_settings
from framework.data.load import Split
from framework.data.window_cache import split_features
from framework.losses.live import Term
from framework.plugins import SOURCE, settings_of
from framework.stages.live import shared_tokenizer, student_objective
from framework.stages.stage import Context, Stage
from framework.stages.supervision import Supervision
from framework.stages.targets import Targets
from framework.stages.training import TrainingSpec
from framework.tasks.base import InferenceConfig, trained_settings
from framework.teachers.base import Teacher
from framework.teachers.section import own_settings
from framework.training.objective import Objective
from framework.training.validation import Validation


def teacher_spec(context: Context, teacher: Teacher, split: Split, seed: int) -> TrainingSpec:
    """Labels."""
    inference = context.inference(teacher.windows or context.recipe.windows)

    @contextmanager
    def begin(tokenizer: Any) -> Iterator[tuple[Objective, dict[str, Any]]]:
        yield teacher.objective(inference, split.examples, tokenizer, seed, context.progress), {}

    own = own_settings(teacher)
    return TrainingSpec(
        inputs={
            "data": split.digest,
            "task": trained_settings(context.task),
            "windows": inference.windows.model_dump(),
            "losses": {},
            "teacher": {name: own[name] for name in ("kind", SOURCE, *teacher.trained_with) if name in own},
        },
        begin=begin,
        note=lambda folder: save_settings(folder, inference, teacher),
    )


def student_spec(
    context: Context,
    split: Split,
    losses: Mapping[str, Term],
    supervision: Supervision | None,
    live: Mapping[str, Stage],
    seed: int,
    as_long_as: Split | None = None,
) -> TrainingSpec:
    """Labels and, with `supervision`, signals. live: for each loss that looks into a teacher, the stage that leaves it;
    as_long_as: training takes as many steps as so many epochs of this split would."""
    recipe = context.recipe
    inference = context.inference(recipe.windows)
    temperatures = sorted({loss.temperature for loss in losses.values() if loss.source == "signal"})

    @contextmanager
    def begin(tokenizer: Any) -> Iterator[tuple[Objective, dict[str, Any]]]:
        shared = shared_tokenizer(context, losses, tokenizer, live)
        windows = split_features(context.task, split, shared, recipe.windows, context.progress)
        figures: dict[str, Any] = {}
        if supervision is None:
            items = context.task.training_items(split.examples, windows, tokenizer.pad_token_id, None, (), eager=True)
            yield student_objective(context, losses, live, items, seed), figures
            return
        targets = Targets(context, supervision, split, windows, shared)
        with supervision.open(context) as (source, eager):
            if eager:
                items = targets.items(source, temperatures)
            else:
                items = context.task.training_items(
                    split.examples, windows, tokenizer.pad_token_id, source, temperatures, eager
                )
            yield student_objective(context, losses, live, items, seed), figures
        figures.update(targets.figures())

    return TrainingSpec(
        inputs={
            "data": split.digest,
            "task": trained_settings(context.task),
            "windows": recipe.windows.model_dump(),
            "losses": {key: settings_of(loss) for key, loss in losses.items()},
            "teaching": supervision.inputs(context) if supervision is not None else None,
            "live": {name: stage.key for name, stage in live.items()},
            "as_long_as": as_long_as.digest if as_long_as is not None else None,
        },
        begin=begin,
        note=lambda folder: save_settings(folder, inference, None),
        validation=lambda tokenizer: _validation(context, tokenizer),
        counted=None if as_long_as is None else lambda tokenizer: _windows(context, as_long_as, tokenizer),
    )


def _windows(context: Context, split: Split, tokenizer: Any) -> int:
    """Windows that a student would be trained on with this split."""
    task = context.task
    windows = split_features(task, split, tokenizer, context.recipe.windows, context.progress)
    items = task.training_items(split.examples, windows, int(tokenizer.pad_token_id), None, (), eager=True)
    return len(items.features.lengths)


def _validation(context: Context, tokenizer: Any) -> Validation | None:
    recipe, settings = context.recipe, context.recipe.evaluation
    if not settings.during_training:
        return None
    split = context.data[settings.split]
    return Validation(
        split.examples,
        split_features(context.task, split, tokenizer, recipe.windows),
        int(tokenizer.pad_token_id),
        InferenceConfig(context.task, recipe.windows, settings.batch_size, context.precision),
    )
