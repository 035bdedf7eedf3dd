"""The stages of one model: its tokenizer, its first weights, its training, its evaluation."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from distil.framework.data.load import Dataset, Joined, Split
from distil.framework.data.section import fold_of
from distil.framework.errors import DataError, ModelError
from distil.framework.losses.base import is_of_tokens
from distil.framework.losses.live import Term, on_states
from distil.framework.losses.live_checks import live_teacher, live_teachers
from distil.framework.models.section import LayersModel
from distil.framework.recipe.schema import Recipe
from distil.framework.stages.evaluation import Measured, check_labels, evaluation_stage
from distil.framework.stages.initial import initial_stage, student_initial, trained_tokenizer, trim_stage
from distil.framework.stages.live import check_live, reads_alike, unlike_tokenizers
from distil.framework.stages.rounds import Round, rounds_of
from distil.framework.stages.shown import Shown, shown_to
from distil.framework.stages.stage import Context, Stage
from distil.framework.stages.supervision import Supervision
from distil.framework.stages.training import student_spec, teacher_spec, training_stage
from distil.framework.stages.written import Written
from distil.framework.teachers.base import Teacher, is_elsewhere, own_settings
from distil.framework.training.section import Training


@dataclass(frozen=True)
class ModelStages:
    """The stages of one model of the table. role: teacher, baseline or student.

    trained: its training on the data; rounds: those on its own texts that follow; trimmed: the student's first weights with fewer tokens; folds: trainings on all but one fold each, for out-of-fold
    signals; supervision: by whom a student is taught; live: the teachers that run beside it while it is trained; shown: what a
    teacher is shown before it is asked.
    """

    name: str
    role: str
    split: str | None
    training: Training | None
    tokenizer: Stage | None
    initial: Stage
    trained: Stage | None
    measured: Measured
    evaluation: Stage
    trimmed: Stage | None = None
    rounds: tuple[Round, ...] = ()
    folds: tuple[Stage, ...] = ()
    supervision: Supervision | None = None
    live: tuple[str, ...] = ()
    shown: Shown | None = None

    @property
    def first(self) -> Stage:
        """The stage that leaves the model as it is before any training."""
        return self.trimmed if self.trimmed is not None else self.initial

    @property
    def weights(self) -> Stage:
        """The stage that leaves the model's final weights."""
        if self.rounds:
            return self.rounds[-1].trained
        return self.trained if self.trained is not None else self.first

    @property
    def askable(self) -> tuple[Stage, ...]:
        """The stages that leave the models that signals come from."""
        return self.folds or (self.weights,)

    @property
    def making(self) -> Iterator[Stage]:
        """All stages before the evaluation."""
        shown = self.shown.before if self.shown is not None else ()
        rounds = (stage for one in self.rounds for stage in one.stages)
        stages = (*shown, self.tokenizer, self.initial, self.trimmed, self.trained, *rounds, *self.folds)
        return (stage for stage in stages if stage is not None)


def teacher_stages(context: Context, name: str, teacher: Teacher, others: Mapping[str, "ModelStages"]) -> ModelStages:
    """A teacher and, with `crossfit`, its folds. others: those before it. Raises DataError for a fold without questions."""
    recipe, training = context.recipe, teacher.fine_tune
    seed = recipe.seed if training is None or training.seed is None else training.seed
    tokenizer = (
        trained_tokenizer(context, teacher.tokenizer, context.data[teacher.split]) if training is not None else None
    )
    initial = initial_stage(context, name, teacher, teacher, tokenizer, seed)
    trained = None
    folds: tuple[Stage, ...] = ()
    if training is not None:
        split = context.data[teacher.split]
        check_labels(context, f"teachers.{name}.split", teacher.split, "to learn from")
        _check_validation(context, f"teachers.{name}.fine_tune.validation", training)
        spec = teacher_spec(context, teacher, training, split, seed)
        trained = training_stage(context, name, initial, training, seed, spec)
        folds = tuple(
            training_stage(
                context,
                f"{name} without fold {number + 1} of {teacher.crossfit}",
                initial,
                training,
                seed,
                teacher_spec(context, teacher, training, part, seed),
            )
            for number, part in enumerate(_without_folds(name, split, teacher.crossfit, context.task.items))
        )
    weights = trained if trained is not None else initial
    windows = teacher.windows or recipe.windows
    copied = {other: [*stages.making] for other, stages in others.items()}
    shown = shown_to(context, name, teacher, copied)
    measured = Measured(
        name, weights, windows, own_settings(teacher), teacher.predictor, timed=not is_elsewhere(teacher), shown=shown
    )
    evaluation = evaluation_stage(context, measured)
    split_name = teacher.split if training is not None else None
    return ModelStages(
        name,
        "teacher",
        split_name,
        training,
        tokenizer,
        initial,
        trained,
        measured,
        evaluation,
        folds=folds,
        shown=shown,
    )


def student_stages(
    context: Context,
    name: str,
    role: str,
    losses: Mapping[str, Term],
    supervision: Supervision | None,
    teachers: Mapping[str, ModelStages],
    written: Written | None,
    taught_on: Callable[[Written], Supervision] | None,
) -> ModelStages:
    """A student. All students of a recipe begin with the same weights and see the same labelled data. written: texts of teachers that it
    learns beside these, or by which a student without teachers is trained as long; taught_on: by whom it is taught on texts of its own, None:
    it learns none."""
    recipe, student = context.recipe, context.recipe.student
    assert student is not None
    seed = recipe.seed if student.seed is None else student.seed
    copied = teachers[student.model.teacher].weights if isinstance(student.model, LayersModel) else None
    tokenizer, initial = student_initial(context, copied)
    trimmed = trim_stage(context, student.trim, initial) if student.trim is not None else None
    _check_learnt(context, losses, supervision)
    _check_validation(context, "student.validation", student)
    # Without a teacher there is nothing to learn from questions without labels: the others are gone through more often.
    whole = _with_texts(student_split(context), written)
    data = whole if supervision is not None else context.data[student.split]
    as_long_as = whole if supervision is None and (student.unlabelled or written is not None) else None
    # In the order of their names, so that a sum's last bits do not hang on how the recipe is written.
    losses = dict(sorted(_taught_losses(recipe, losses, supervision).items()))
    live = _live_stages(recipe, losses, tokenizer, teachers)
    spec = student_spec(context, data, losses, supervision, live, seed, as_long_as)
    trained = training_stage(context, name, trimmed or initial, student, seed, spec)
    rounds: tuple[Round, ...] = ()
    if student.rounds is not None and taught_on is not None:
        _check_compared(name, losses)
        rounds = tuple(rounds_of(context, name, trained, student, student.rounds, data, losses, taught_on, live, seed))
    weights = rounds[-1].trained if rounds else trained
    measured = Measured(name, weights, recipe.windows, {}, context.task.predictor)
    return ModelStages(
        name,
        role,
        student.split,
        student,
        tokenizer,
        initial,
        trained,
        measured,
        evaluation_stage(context, measured),
        trimmed=trimmed,
        rounds=rounds,
        supervision=supervision,
        live=live_teachers(recipe, losses),
    )


def _check_learnt(context: Context, losses: Mapping[str, Term], supervision: Supervision | None) -> None:
    """Raise DataError for what would be learnt from labels that there are not."""
    student, task = context.recipe.student, context.task
    assert student is not None
    if supervision is None:
        check_labels(context, "student.split", student.split, "to learn from")
    by_labels = [name for name, loss in losses.items() if loss.source == "labels"]
    if by_labels:
        check_labels(
            context, f"losses.{by_labels[0]}", student.split, "to learn from (teachers teach without this loss, too)"
        )
    elif getattr(task, "class_weights", None) == "balanced":
        check_labels(context, "task.class_weights", student.split, "by which weights could be balanced")


def _check_compared(name: str, losses: Mapping[str, Term]) -> None:
    """Raise ModelError for the student of one teacher alone whose own texts would be compared with nothing."""
    if all(loss.source == "labels" for loss in losses.values()):
        raise ModelError(
            f"baselines: '{name.removeprefix('student_from_')}' would have no loss left in rounds (student.rounds): what a student writes has "
            "no label, and all others look into other teachers, or compare tokens that are not this one's; drop that baseline, or add a loss"
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


def _with_texts(split: Split, written: Written | None) -> Dataset:
    return split if written is None else Joined((split, written))


def _without_folds(name: str, split: Split, folds: int | None, items: str) -> Iterator[Split]:
    for number in range(folds or 0):
        kept = [example for example in split.examples if fold_of(example, folds or 1) != number]
        if len(kept) in (0, len(split.examples)):
            raise DataError(
                f"teachers.{name}.crossfit is {folds}, but the {items} have too few texts that differ: fold {number + 1} of "
                f"{folds} has {len(split.examples) - len(kept)} of {len(split.examples)} {items}; lower crossfit"
            )
        yield Split(kept)


def _check_validation(context: Context, place: str, training: Training) -> None:
    if training.validation is not None:
        check_labels(context, place, training.validation, "to be measured by")


def _taught_losses(recipe: Recipe, losses: Mapping[str, Term], supervision: Supervision | None) -> dict[str, Term]:
    """The losses without those that look into a teacher by whom a student is not taught, or that are of tokens which none of its teachers
    shares."""
    taught = supervision.collections if supervision is not None else {}
    live, by_tokens = on_states(losses), supervision is not None and supervision.next_tokens
    return {
        name: loss
        for name, loss in losses.items()
        if (by_tokens if is_of_tokens(loss) else name not in live or live_teacher(recipe, live[name]) in taught)
    }


def _live_stages(
    recipe: Recipe, losses: Mapping[str, Term], tokenizer: Stage | None, teachers: Mapping[str, ModelStages]
) -> dict[str, Stage]:
    """For each live loss the stage that leaves its teacher's final weights.

    tokenizer: the one that the run trains for the student. Raises ModelError for models that cannot be compared.
    """
    live = on_states(losses)
    trained = {name: stages.tokenizer for name, stages in teachers.items()}
    for name, loss in live.items():
        check_live(recipe, name, loss)
        if not reads_alike(recipe, live_teacher(recipe, loss), tokenizer, trained):
            raise unlike_tokenizers(name, live_teacher(recipe, loss))
    return {name: teachers[live_teacher(recipe, loss)].weights for name, loss in live.items()}
