"""On what models are measured while they are trained, and what that decides."""

from typing import TYPE_CHECKING

from distil.framework.data.features import WindowSettings
from distil.framework.data.window_cache import split_features
from distil.framework.files import Json
from distil.framework.metrics import primary_of
from distil.framework.plugins import settings_of
from distil.framework.stages.stage import Context
from distil.framework.tasks.base import InferenceConfig
from distil.framework.teachers.base import Teacher
from distil.framework.training.history import EVALUATION, VALIDATION
from distil.framework.training.section import Training
from distil.framework.training.selection import Selection, in_words
from distil.framework.training.validation import StudentReading, TeacherReading, Validation

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def student_validation(context: Context, training: Training, tokenizer: "PreTrainedTokenizerFast") -> Validation | None:
    """What a student is measured on: its own `validation` and, with `evaluation.during_training`, the split of the table."""
    recipe = context.recipe
    named = {VALIDATION: training.validation} if training.validation is not None else {}
    if recipe.evaluation.during_training:
        named[EVALUATION] = recipe.evaluation.split
    if not named:
        return None
    splits = {kind: context.data[name] for kind, name in named.items()}
    features = {kind: split_features(context.task, split, tokenizer, recipe.windows) for kind, split in splits.items()}
    reading = StudentReading(features, tokenizer, _inference(context, recipe.windows))
    return Validation(context.task, {kind: split.examples for kind, split in splits.items()}, reading)


def teacher_validation(
    context: Context, teacher: Teacher, training: Training, tokenizer: "PreTrainedTokenizerFast"
) -> Validation | None:
    """What a teacher is measured on."""
    if training.validation is None:
        return None
    reading = TeacherReading(teacher, tokenizer, _inference(context, teacher.windows or context.recipe.windows))
    return Validation(context.task, {VALIDATION: context.data[training.validation].examples}, reading)


def selection_of(context: Context, training: Training) -> Selection | None:
    """What measurements decide about a training."""
    return Selection(primary_of(context.task.metrics), training.best, training.patience) if training.selects else None


def chosen(context: Context, name: str, training: Training, facts: Json) -> str | None:
    """Which weights of a model were kept and why its training ended, in a sentence; None where nothing was to be chosen. facts: of its
    training."""
    if facts.get("selection") is None:
        return None
    return in_words(name, facts, training.model_dump(), primary_of(context.task.metrics))


def selection_inputs(context: Context, training: Training, own: Json) -> Json:
    """What a training depends on by them. own: settings of a teacher's kind."""
    if not training.selects:
        return {}
    assert training.validation is not None
    settings = training.model_dump(mode="json", include={"best", "patience", "evaluate_every"})
    data = context.data[training.validation].digest
    return {"selection": {"data": data, "task": settings_of(context.task), "own": dict(own), **settings}}


def _inference(context: Context, windows: WindowSettings) -> InferenceConfig:
    settings = context.recipe.evaluation
    return InferenceConfig(
        context.task, windows, settings.batch_size, context.precision, batch_tokens=settings.batch_tokens
    )
