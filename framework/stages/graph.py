"""All stages of a recipe, in the order in which they run."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from distil.framework.ensembles.source import check_labelled
from distil.framework.losses.base import Loss
from distil.framework.losses.logits import HardLabel
from distil.framework.models.section import FolderModel, HubModel
from distil.framework.recipe.schema import Recipe
from distil.framework.stages.evaluation import check_labels, ensemble_stage, latency_stage
from distil.framework.stages.initial import fetch
from distil.framework.stages.models import ModelStages, student_stages, teacher_stages
from distil.framework.stages.planned import check_models
from distil.framework.stages.shown import chosen_by_student
from distil.framework.stages.signals import Collection, collection, held_out_stage
from distil.framework.stages.stage import Context, Stage
from distil.framework.stages.supervision import Supervision
from distil.framework.teachers.base import Teacher


@dataclass(frozen=True)
class Graph:
    """The stages of a recipe.

    models: in the order of the table; collections: every teacher's signals, by teacher and split; held_out: what has to
    be known of teachers first, by their name; ensemble: its evaluation; latency: of all models, if they are timed; streams: whether students' signals are asked for
    while they are trained, but for those on the splits `first`, which held_out and ensemble read.
    """

    models: list[ModelStages]
    collections: dict[tuple[str, str], Collection]
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
    collections = _Collections(context, teachers, first)
    held_out = {name: held_out_stage(context, collections.get(name, recipe.held_out)) for name in recipe.calibrated}
    ensemble = None
    if recipe.ensemble is not None:
        ensemble = ensemble_stage(
            context, _supervision(context, collections, held_out, [recipe.evaluation.split], None)
        )
    students = list(_students(context, teachers, collections, held_out))
    models = [*teachers.values(), *students]
    _fetch_models(context, models)
    after = [ensemble] if ensemble is not None else []
    return Graph(
        models,
        collections.made,
        held_out,
        ensemble,
        latency_stage(context, [(model.measured, model.evaluation) for model in models if model.measured.timed], after),
        streams=context.stream is not None,
        first=first,
    )


@dataclass(frozen=True)
class Labelling:
    """What it takes to have a recipe's teachers label splits. making: stages of the teachers, and those by which something is known of
    them first; by_split: by whom each split is labelled; streamed: the splits of which a run that streams would have actors ask;
    collections: of all teachers."""

    making: list[Stage]
    by_split: dict[str, Supervision]
    streamed: frozenset[str]
    collections: list[Collection]

    def stages(self) -> Iterator[Stage]:
        """Every stage once, after those that it depends on."""
        asking = (
            (*found.proposals, found)
            for supervision in self.by_split.values()
            for parts in supervision.collections.values()
            for found in parts
        )
        yield from _once([*self.making, *(one.stage for together in asking for one in together)])


def build_labelling(context: Context, splits: Sequence[str]) -> Labelling:
    """Lay out what it takes to label splits, without training students and without measuring anything. Raises UserError as build_graph
    does."""
    recipe = context.recipe
    _check_labelled(context, splits)
    by_student = any(chosen_by_student(teacher) for teacher in recipe.teachers.values())
    check_models(recipe if by_student else recipe.model_copy(update={"student": None}))
    teachers = _teachers(context)
    before_students = _read_first(recipe)
    collections = _Collections(context, teachers, before_students)
    held_out = {name: held_out_stage(context, collections.get(name, recipe.held_out)) for name in recipe.calibrated}
    _fetch_models(context, list(teachers.values()))
    for shown in (model.shown for model in teachers.values() if model.shown is not None and model.shown.before):
        _fetch(context, recipe.student, None, shown.before[-1])
    first = [found.stage for found in collections.made.values()]
    by_split = {split: _supervision(context, collections, held_out, [split], None) for split in splits}
    making = [*(stage for model in teachers.values() for stage in model.making), *first, *held_out.values()]
    return Labelling(making, by_split, frozenset(splits) - before_students, list(collections.made.values()))


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
        _fetch(context, recipe.student if teacher is None else teacher, teacher, model.initial)


def _fetch(context: Context, section: Any, teacher: Teacher | None, initial: Stage) -> None:
    """See fetch. initial: leaves the model as it is before training."""
    if isinstance(section.model, HubModel | FolderModel) and not initial.is_done(context.store):
        fetch(context.task, section, teacher)


class _Collections:
    """Makes each teacher's collection on each split once."""

    def __init__(self, context: Context, teachers: dict[str, ModelStages], first: frozenset[str]) -> None:
        self._context, self._teachers, self._first = context, teachers, first
        self.made: dict[tuple[str, str], Collection] = {}

    def get(self, name: str, split: str) -> Collection:
        """The signals of a teacher on a split; those of teachers that it is shown come first."""
        if (name, split) not in self.made:
            others = self._context.recipe.teachers
            shown = (
                [other for other in others if not others[other].takes_proposals] if others[name].takes_proposals else []
            )
            proposals = {other: self.get(other, split) for other in shown}
            streamed = self._context.stream is not None and split not in self._first
            models = self._teachers[name].askable
            self.made[name, split] = collection(
                self._context, name, models, split, proposals, streamed, self._teachers[name].shown
            )
        return self.made[name, split]


def _students(
    context: Context, teachers: dict[str, ModelStages], collections: _Collections, held_out: dict[str, Stage]
) -> Iterator[ModelStages]:
    recipe, student = context.recipe, context.recipe.student
    if student is None:
        return
    # Losses that look into a live teacher need no signals.
    signals = any(loss.source == "signal" for loss in recipe.losses.values())
    splits = [student.split, *student.unlabelled] if signals else []
    labels: dict[str, Loss] = {"hard_label": HardLabel()}
    for name in recipe.baselines:
        if name == "no_distillation":
            yield student_stages(context, "student_no_distillation", "baseline", labels, None, teachers)
        else:
            supervision = _supervision(context, collections, held_out, splits, name)
            yield student_stages(context, f"student_from_{name}", "baseline", recipe.losses, supervision, teachers)
    _check_labelled(context, splits)
    taught = _supervision(context, collections, held_out, splits, None) if recipe.distils else None
    yield student_stages(context, "student", "student", recipe.losses, taught, teachers)


def _check_labelled(context: Context, splits: Sequence[str]) -> None:
    """Raise DataError, before anybody is asked, where the recipe's rule cannot weigh teachers on a split."""
    if context.recipe.ensemble is not None:
        for split in splits:
            check_labelled(context.recipe.ensemble, context.data[split].examples)


def _supervision(
    context: Context, collections: _Collections, held_out: dict[str, Stage], splits: Sequence[str], only: str | None
) -> Supervision:
    """Supervision by all teachers of the recipe, or by one of them."""
    recipe = context.recipe
    names = list(recipe.teachers) if only is None else [only]
    return Supervision(
        {name: [collections.get(name, split) for split in splits] for name in names},
        {name: stage for name, stage in held_out.items() if name in names},
        recipe.ensemble if only is None else None,
    )
