"""The stages of one model: its tokenizer, its first weights, its training, its evaluation."""

from collections.abc import Iterator, Mapping
from typing import Any

from framework.data.folds import fold_of
from framework.data.load import Split
from framework.errors import DataError
from framework.losses.live import Term
from framework.losses.live_checks import live_teachers
from framework.models.section import LayersModel, TrainedTokenizer
from framework.predictors.logits import logits_predictor
from framework.stages.evaluation import evaluation_stage
from framework.stages.initial import initial_stage, layers_stage, tokenizer_stage, trim_stage
from framework.stages.live import live_stages, taught_losses
from framework.stages.model_stages import ModelStages
from framework.stages.stage import Context, Stage
from framework.stages.supervision import Supervision
from framework.stages.training import training_stage
from framework.stages.training_specs import student_spec, teacher_spec
from framework.teachers.base import Teacher
from framework.teachers.section import own_settings


def teacher_stages(context: Context, name: str, teacher: Teacher) -> ModelStages:
    """A teacher and, with `crossfit`, its folds. Raises DataError for a fold without questions."""
    recipe, training = context.recipe, teacher.fine_tune
    seed = recipe.seed if training is None or training.seed is None else training.seed
    tokenizer = _tokenizer(context, teacher.tokenizer, context.data[teacher.split]) if training is not None else None
    initial = initial_stage(context, name, teacher, teacher, tokenizer, seed)
    trained = None
    folds: tuple[Stage, ...] = ()
    if training is not None:
        split = context.data[teacher.split]
        spec = teacher_spec(context, teacher, split, seed)
        trained = training_stage(context, name, initial, training, seed, spec)
        folds = tuple(
            training_stage(
                context,
                f"{name} without fold {number + 1} of {teacher.crossfit}",
                initial,
                training,
                seed,
                teacher_spec(context, teacher, part, seed),
            )
            for number, part in enumerate(_without_folds(name, split, teacher.crossfit))
        )
    weights = trained if trained is not None else initial
    windows = teacher.windows or recipe.windows
    evaluation = evaluation_stage(context, name, weights, windows, own_settings(teacher), teacher.predictor)
    split_name = teacher.split if training is not None else None
    return ModelStages(
        name, "teacher", split_name, training, tokenizer, initial, None, trained, folds, None, (), evaluation
    )


def student_stages(
    context: Context,
    name: str,
    role: str,
    losses: Mapping[str, Term],
    supervision: Supervision | None,
    teachers: Mapping[str, ModelStages],
) -> ModelStages:
    """A student. All students of a recipe begin with the same weights and see the same labelled data."""
    recipe, student = context.recipe, context.recipe.student
    assert student is not None
    seed = recipe.seed if student.seed is None else student.seed
    tokenizer = _tokenizer(context, student.tokenizer, context.data[student.split])
    if isinstance(student.model, LayersModel):
        initial = layers_stage(context, "the student", student.model, teachers[student.model.teacher].weights)
    else:
        initial = initial_stage(context, "the student", student, None, tokenizer, seed)
    trimmed = trim_stage(context, student.trim, initial) if student.trim is not None else None
    # Without a teacher there is nothing to learn from questions without labels: the others are gone through more often.
    whole = student_split(context)
    split = whole if supervision is not None else context.data[student.split]
    as_long_as = whole if supervision is None and student.unlabelled else None
    # In the order of their names, so that a sum's last bits do not hang on how the recipe is written.
    losses = dict(sorted(taught_losses(recipe, losses, supervision).items()))
    live = live_stages(recipe, losses, tokenizer, teachers)
    spec = student_spec(context, split, losses, supervision, live, seed, as_long_as)
    trained = training_stage(context, name, trimmed or initial, student, seed, spec)
    evaluation = evaluation_stage(context, name, trained, recipe.windows, {}, logits_predictor)
    return ModelStages(
        name,
        role,
        student.split,
        student,
        tokenizer,
        initial,
        trimmed,
        trained,
        (),
        supervision,
        live_teachers(recipe, losses),
        evaluation,
    )


def student_split(context: Context) -> Split:
    """The student's questions: the labelled ones, and those of `student.unlabelled` without their answers."""
    student = context.recipe.student
    assert student is not None
    labelled = context.data[student.split]
    if not student.unlabelled:
        return labelled
    others = [context.data[name] for name in student.unlabelled]
    examples = [example.without_label() for other in others for example in other.examples]
    return Split([*labelled.examples, *examples], labelled.notes)


def _without_folds(name: str, split: Split, folds: int | None) -> Iterator[Split]:
    for number in range(folds or 0):
        kept = [example for example in split.examples if fold_of(example, folds or 1) != number]
        if len(kept) in (0, len(split.examples)):
            raise DataError(
                f"teachers.{name}.crossfit is {folds}, but the questions are about too few paragraphs: fold {number + 1} of "
                f"{folds} has {len(split.examples) - len(kept)} of {len(split.examples)} questions; lower crossfit"
            )
        yield Split(kept)


def _tokenizer(context: Context, settings: Any, split: Split) -> Stage | None:
    return tokenizer_stage(context, settings, split) if isinstance(settings, TrainedTokenizer) else None
