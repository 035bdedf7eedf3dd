"""All stages of a recipe, in the order in which they run."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distil.framework.ensembles.source import check_labelled
from distil.framework.generative.sampling import Sampling
from distil.framework.losses.base import Loss
from distil.framework.losses.logits import HardLabel
from distil.framework.models.section import FolderModel, HubModel
from distil.framework.recipe.schema import Recipe
from distil.framework.stages.completions import Completions, completions_of, sampling_of
from distil.framework.stages.evaluation import check_labels, ensemble_stage, latency_stage
from distil.framework.stages.initial import check_gives_back, fetch
from distil.framework.stages.models import ModelStages, student_stages, teacher_stages
from distil.framework.stages.planned import check_models
from distil.framework.stages.shown import chosen_by_student
from distil.framework.stages.signals import Collection
from distil.framework.stages.stage import Context, Stage
from distil.framework.stages.supervision import Supervision
from distil.framework.stages.teaching import Teaching
from distil.framework.stages.written import Prompts, Written, prompts_of
from distil.framework.teachers.base import Teacher, only_writes


@dataclass(frozen=True)
class Graph:
    """The stages of a recipe.

    models: in the order of the table; collections: every teacher's signals on the data, by teacher and split; of_texts: those on texts that
    models write; completions: what teachers write for students; held_out: what has to
    be known of teachers first, by their name; ensemble: its evaluation; latency: of all models, if they are timed; streams: whether students' signals are asked for
    while they are trained, but for those on the splits `first`, which held_out and ensemble read.
    """

    models: list[ModelStages]
    collections: dict[tuple[str, str], Collection]
    of_texts: list[Collection]
    completions: list[Completions]
    held_out: dict[str, Stage]
    ensemble: Stage | None
    latency: Stage | None
    streams: bool
    first: frozenset[str]

    def stages(self) -> Iterator[Stage]:
        """Every stage once, after those that it depends on."""
        yield from self.models_stages()
        if self.latency is not None:
            yield self.latency

    def models_stages(self) -> Iterator[Stage]:
        """Every stage that is of one model or the ensemble, once, after those that it depends on."""
        yield from _once([*self._before_students(), *self._of_students()])

    def shared(self) -> Iterator[Stage]:
        """Every stage that belongs to no student, once, after those that it depends on."""
        yield from _once(self._before_students())

    def _students(self) -> list[ModelStages]:
        return [model for model in self.models if model.role != "teacher"]

    def _before_students(self) -> Iterator[Stage]:
        for model in self.models:
            if model.role == "teacher":
                yield from (*model.making, model.evaluation)
        late = (
            {found.stage.digest for model in self._students() for found in _taught_by(model)} if self.streams else set()
        )
        late -= {found.stage.digest for found in self.collections.values() if found.split in self.first}
        yield from (found.stage for found in self.collections.values() if found.stage.digest not in late)
        yield from self.held_out.values()
        if self.ensemble is not None:
            yield self.ensemble
        for written in self.completions:
            yield from written.stages

    def _of_students(self) -> Iterator[Stage]:
        for model in self._students():
            yield from model.making
            # What a student streams is complete once it is trained: these find nothing left to do.
            yield from (found.stage for found in _taught_by(model))
            yield model.evaluation


def _once(stages: Iterable[Stage]) -> Iterator[Stage]:
    seen: set[str] = set()
    for stage in stages:
        if stage.digest not in seen:
            seen.add(stage.digest)
            yield stage


def _taught_by(model: ModelStages) -> list[Collection]:
    if model.supervision is None:
        return []
    return [found for parts in model.supervision.collections.values() for found in parts]


def build_graph(context: Context) -> Graph:
    """Lay out the stages; nothing runs yet. Raises UserError for models or data that cannot be had."""
    recipe = context.recipe
    check_models(recipe)
    check_labels(context, "evaluation.split", recipe.evaluation.split, "to compare with")
    teachers = _teachers(context)
    first = _read_first(recipe)
    teaching = Teaching(context, teachers, first)
    ensemble = None
    if recipe.ensemble is not None and sum(not only_writes(teacher) for teacher in recipe.teachers.values()) > 1:
        ensemble = ensemble_stage(context, teaching.by([recipe.evaluation.split], None))
    completions = _completions(context, teachers, teaching)
    students = list(_students(context, teachers, teaching, completions))
    models = [*teachers.values(), *students]
    _fetch_models(context, models)
    after = [ensemble] if ensemble is not None else []
    return Graph(
        models,
        teaching.of_splits,
        teaching.of_texts,
        list(completions.values()),
        teaching.held_out,
        ensemble,
        latency_stage(context, [(model.measured, model.evaluation) for model in models if model.measured.timed], after),
        streams=context.stream is not None,
        first=first,
    )


@dataclass(frozen=True)
class Labelling:
    """What it takes to have a recipe's teachers label splits. making: the teachers' stages, and those by which something is known of
    them first; by_split: by whom each split is labelled; streamed: the splits of which a run that streams would have actors ask;
    collections: of all teachers."""

    teachers: list[ModelStages]
    making: list[Stage]
    by_split: dict[str, Supervision]
    streamed: frozenset[str]
    collections: list[Collection]

    def stages(self) -> Iterator[Stage]:
        """Every stage once, after those that it depends on."""
        asking = (stage for supervision in self.by_split.values() for stage in supervision.asking)
        yield from _once([*self.making, *asking])


def build_labelling(context: Context, splits: Sequence[str]) -> Labelling:
    """Lay out what it takes to label splits, without training students and without measuring anything. Raises UserError as build_graph
    does."""
    return _labelling(context, splits)[0]


def _labelling(context: Context, splits: Sequence[str]) -> tuple[Labelling, dict[str, ModelStages], Teaching]:
    recipe = context.recipe
    _check_labelled(context, splits)
    by_student = any(chosen_by_student(teacher) for teacher in recipe.teachers.values())
    check_models(recipe if by_student else recipe.model_copy(update={"student": None}))
    teachers = _teachers(context)
    before_students = _read_first(recipe)
    teaching = Teaching(context, teachers, before_students)
    _fetch_models(context, list(teachers.values()))
    for shown in (model.shown for model in teachers.values() if model.shown is not None and model.shown.before):
        _fetch(context, recipe.student, None, shown.before[-1])
    first = [found.stage for found in teaching.of_splits.values()]
    by_split = {split: teaching.by([split], None) for split in splits}
    making = [*(stage for model in teachers.values() for stage in model.making), *first, *teaching.held_out.values()]
    models, streamed = list(teachers.values()), frozenset(splits) - before_students
    labelling = Labelling(models, making, by_split, streamed, list(teaching.of_splits.values()))
    return labelling, teachers, teaching


@dataclass(frozen=True)
class Completing:
    """What it takes to have a recipe's teachers complete prompts. stages: all of them, in order; the last chooses."""

    teachers: list[ModelStages]
    prompts: Prompts
    completions: Completions
    stages: list[Stage]


def build_completing(context: Context, split: str, sampling: Sampling) -> Completing:
    """Lay out what it takes to complete the prompts of a split, without training students and without measuring anything. Raises UserError
    as build_graph does."""
    labelling, teachers, teaching = _labelling(context, [])
    prompts = prompts_of(context, [split])
    completions = completions_of(context, teachers, teaching, prompts, sampling, None)
    return Completing(labelling.teachers, prompts, completions, list(_once([*labelling.making, *completions.stages])))


def _teachers(context: Context) -> dict[str, ModelStages]:
    """By name. What chat models are shown may hang on other teachers."""
    every, found = context.recipe.teachers, dict[str, ModelStages]()
    for name in sorted(every, key=lambda name: every[name].kind == "chat"):
        found[name] = teacher_stages(context, name, every[name], found)
    return {name: found[name] for name in every}


def _read_first(recipe: Recipe) -> frozenset[str]:
    """Splits on which signals are read before any student is trained."""
    held_out = [recipe.held_out] if recipe.calibrated else []
    return frozenset([*held_out, *([recipe.evaluation.split] if recipe.ensemble is not None else [])])


def _fetch_models(context: Context, models: Sequence[ModelStages]) -> None:
    """Bring models here whose stages are to do; students, which all begin alike, once."""
    recipe = context.recipe
    for model in {model.initial.digest: model for model in models}.values():
        teacher = recipe.teachers[model.name] if model.role == "teacher" else None
        section = recipe.student if teacher is None else teacher
        _fetch(context, section, teacher, model.initial)
        if section is not None and not model.evaluation.is_done(context.store):
            check_gives_back(context, section, context.data[recipe.evaluation.split])


def _fetch(context: Context, section: Any, teacher: Teacher | None, initial: Stage) -> None:
    """See fetch. initial: leaves the model as it is before training."""
    if isinstance(section.model, HubModel | FolderModel) and not initial.is_done(context.store):
        fetch(context.task, section, teacher)


def _students(
    context: Context,
    teachers: dict[str, ModelStages],
    teaching: Teaching,
    completions: Mapping[str | None, Completions],
) -> Iterator[ModelStages]:
    """completions: by the teacher that alone writes, None: all of them."""
    recipe, student = context.recipe, context.recipe.student
    if student is None:
        return
    # Losses that look into a live teacher need no signals.
    signals = any(loss.source == "signal" for loss in recipe.losses.values())
    splits = [student.split, *student.unlabelled] if signals else []

    def taught(name: str, role: str, only: str | None) -> ModelStages:
        written = completions.get(only)
        candidates = [written.candidates] if written is not None and signals else []
        with_data = student.rounds is not None and student.rounds.with_data
        beside: list[str | Written] = [*splits, *candidates] if with_data else []
        return student_stages(
            context,
            name,
            role,
            recipe.losses,
            teaching.by([*splits, *candidates], only),
            teachers,
            written.best if written is not None else None,
            lambda texts: teaching.by([*beside, texts] if signals else [], only, streamed=True),
        )

    for name in recipe.baselines:
        if name == "no_distillation":
            as_long = completions[None].best if completions else None
            labels: dict[str, Loss] = {"hard_label": HardLabel()}
            yield student_stages(context, "student_no_distillation", "baseline", labels, None, teachers, as_long, None)
        else:
            yield taught(f"student_from_{name}", "baseline", name)
    _check_labelled(context, splits)
    if recipe.distils:
        yield taught("student", "student", None)
    else:
        yield student_stages(context, "student", "student", recipe.losses, None, teachers, None, None)


def _completions(
    context: Context, teachers: Mapping[str, ModelStages], teaching: Teaching
) -> dict[str | None, Completions]:
    """What teachers write for students to learn: all together, and each for the student of it alone."""
    recipe = context.recipe
    settings = recipe.student.completions if recipe.student is not None else None
    if settings is None:
        return {}
    prompts = prompts_of(context, settings.of)
    sampling = sampling_of(settings.count, settings.temperature, recipe.seed)
    writers = [None, *(name for name in recipe.baselines if name in teachers)]
    return {only: completions_of(context, teachers, teaching, prompts, sampling, only) for only in writers}


def _check_labelled(context: Context, splits: Sequence[str]) -> None:
    """Raise DataError, before anybody is asked, where the recipe's rule cannot weigh teachers on a split."""
    if context.recipe.ensemble is not None:
        for split in splits:
            check_labelled(context.recipe.ensemble, context.data[split].examples)
