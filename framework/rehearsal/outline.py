"""What a recipe takes, by configurations alone: the hub's files are not needed where a configuration is published."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from distil.framework.data.batches import epoch_steps
from distil.framework.data.load import Split, load_data
from distil.framework.data.section import Data, parse_slice
from distil.framework.device import resolve_precision, resolve_workers
from distil.framework.errors import MissingDataError, MissingModelError, ModelError
from distil.framework.latency import questions_alone
from distil.framework.losses.base import is_of_tokens
from distil.framework.losses.live_checks import live_teachers
from distil.framework.models.bounds import training_bytes
from distil.framework.models.build import planned_parameters
from distil.framework.models.copies import copy_layers_config
from distil.framework.models.formats import format_of
from distil.framework.models.section import HubModel, LayersModel
from distil.framework.paper import PUBLISHED, published_config, published_sizes
from distil.framework.recipe.schema import Recipe
from distil.framework.recipe.splits import fitted_task, labels_unread, prompts_alone
from distil.framework.signals.section import signal_bytes
from distil.framework.stages.live import may_read_alike
from distil.framework.stages.planned import check_positions, planned_config
from distil.framework.training.section import Training

_FEW = 200  # examples of a split, whose signals are as large as those of all


@dataclass(frozen=True)
class ModelOutline:
    """A teacher or the student of a recipe.

    section: of the recipe; training: None for a teacher that is taken as it is; published: whether its configuration
    is a published one, or that of a published teacher with fewer layers; trainings: how often it is trained, folds and
    baselines included; learns, asked, measured: questions of a training, asked for signals, and of an evaluation; watched, alone:
    questions of a measurement while it is trained, 0 without any, and asked one at a time for its latency, those that do not count
    included;
    memory: bytes of weights, gradients and moments a worker, or of the weights alone of a model that is not trained;
    live: bytes of the weights of the teachers that run beside it while it is trained, by name; writes: completions that it writes for
    students to learn, at most; own: what students learn in rounds, texts that they write themselves and data, each as often as it is learnt;
    again: how often students are measured before a round.
    """

    name: str
    role: str
    section: Any
    training: Training | None
    published: bool
    parameters: int
    trainings: int
    learns: int
    asked: int
    measured: int
    watched: int
    alone: int
    memory: float
    live: Mapping[str, int]
    writes: int = 0
    own: int = 0
    again: int = 0

    @property
    def steps(self) -> int:
        """Optimizer steps of a training if every question fits one window; more if some need several."""
        return epoch_steps(self.learns, self.training.batch_size) * self.training.epochs if self.training else 0

    def looks(self, steps: float) -> int:
        """How often it is measured in a training of so many steps."""
        if self.training is None or not self.watched:
            return 0
        every, epochs = self.training.evaluate_every, self.training.epochs
        return epochs if isinstance(every, str) else epochs + int(steps // every)

    @property
    def weights(self) -> int:
        """Bytes of its weights, as it is asked."""
        return int(format_of(self.section.model).bytes * self.parameters)


@dataclass(frozen=True)
class KnownData:
    """What is known of a recipe's data. sizes: questions by split; splits: None where published numbers stand for a
    dataset that is not here."""

    sizes: Mapping[str, int]
    splits: Mapping[str, Split] | None


def known_data(recipe: Recipe) -> KnownData:
    """The recipe's data or, of published datasets, at least their sizes.

    Raises MissingDataError for another dataset, or a cut of one, that is not here.
    """
    data = recipe.data
    try:
        splits = load_data(data, recipe.task, prompts=prompts_alone(recipe), unread=labels_unread(recipe))
    except MissingDataError:
        slices = {name: (data.source, text) for name, text in data.splits.items()}
        slices |= {name: (extra.source, extra.split) for name, extra in data.extra.items()}
        sizes = {name: _published_size(source, text) for name, (source, text) in slices.items()}
        known = {name: size for name, size in sizes.items() if size is not None}
        if data.cut is not None or known.keys() != sizes.keys():
            raise
        return KnownData(known, None)
    return KnownData({name: len(split.examples) for name, split in splits.items()}, splits)


def _published_size(source: Any, text: str) -> int | None:
    """Questions of a slice of a dataset; None where nothing is published about it."""
    part = parse_slice(text)
    sizes = published_sizes(source)
    return len(part.rows(sizes[part.split])) if part.split in sizes else None


def outline(recipe: Recipe, sizes: Mapping[str, int]) -> list[ModelOutline]:
    """The models of a recipe, teachers first; those without a model of their own are left out.

    sizes: questions by split. Raises ModelError for a model that is neither here nor published.
    """
    student = recipe.student
    signals = any(loss.source == "signal" for loss in recipe.losses.values())
    taught = [student.split, *student.unlabelled] if student is not None and signals else []
    asked = {*taught, *([recipe.evaluation.split] if recipe.ensemble is not None else [])}
    found = []
    for name, teacher in recipe.teachers.items():
        if teacher.model is not None:
            held_out = {recipe.held_out} if name in recipe.calibrated else set()
            trainings = 0 if teacher.fine_tune is None else 1 + (teacher.crossfit or 0)
            questions = sum(sizes[split] for split in asked | held_out)
            texts = texts_written(recipe, name, sizes)
            found.append(
                replace(
                    _outline(
                        recipe,
                        name,
                        teacher,
                        teacher.fine_tune,
                        trainings,
                        sizes[teacher.split],
                        questions + texts.asked,
                        sizes,
                        {},
                    ),
                    writes=texts.by_teacher,
                )
            )
    if student is not None:
        texts = texts_written(recipe, None, sizes)
        learns = sum(sizes[split] for split in (student.split, *student.unlabelled)) + texts.chosen
        names = live_teachers(recipe, recipe.losses)
        live = {model.name: model.weights for model in found if model.name in names}
        model = _outline(recipe, "student", student, student, 1 + len(recipe.baselines), learns, 0, sizes, live)
        if student.rounds is not None:
            rounds = student.rounds.count * (1 + sum(name in recipe.teachers for name in recipe.baselines))
            beside = rounds * learns if student.rounds.with_data else 0
            own = student.rounds.epochs * (texts.by_students + beside)
            model = replace(model, writes=texts.by_students, own=own, again=rounds)
        found.append(model)
    return found


@dataclass(frozen=True)
class TextsWritten:
    """How many texts models write, at most. by_teacher: one of them; chosen: a student learns of those; by_students: all students
    themselves; asked: a teacher is asked about."""

    by_teacher: int
    chosen: int
    by_students: int
    asked: int


def texts_written(recipe: Recipe, name: str | None, sizes: Mapping[str, int]) -> TextsWritten:
    """Texts for students to learn, by what the recipe says. name: of the teacher that is asked."""
    student = recipe.student
    completions = student.completions if student is not None else None
    rounds = student.rounds if student is not None else None
    chosen = sum(sizes[split] for split in completions.of) if completions is not None else 0
    by_teacher = chosen * completions.count if completions is not None else 0
    a_student = rounds.count * sum(sizes[split] for split in rounds.of) if rounds is not None else 0
    alone = [other for other in recipe.baselines if other in recipe.teachers]
    taught_by = 1 + (name in alone)  # students whose texts the teacher is asked about
    asked = (
        by_teacher * len(recipe.teachers) + a_student * taught_by
    )  # what a teacher alone has written is known by then
    return TextsWritten(by_teacher, chosen, a_student * (1 + len(alone)), asked)


def check_known(recipe: Recipe) -> None:
    """Refuse what configurations tell of models, published ones too: teachers that are taken as they are without the head of the task, and
    models that have positions for fewer tokens than they are to read or write. Raises ModelError."""
    places = {f"teachers.{name}": teacher for name, teacher in recipe.teachers.items() if teacher.model is not None}
    for place, teacher in places.items():
        id = published_id(recipe, teacher) if teacher.fine_tune is None else None
        if id is not None and teacher.model_kind(recipe.task, published_config(id)) is recipe.task:
            raise ModelError(
                f"{place}: {id} is published without a head for task {recipe.task.kind}, and one with random weights knows "
                "nothing; add `fine_tune`, or take another model"
            )
    for place, section in {**places, **({"student": recipe.student} if recipe.student is not None else {})}.items():
        with suppress(MissingModelError):
            check_positions(recipe, place, section, config_of(recipe, section))


def config_of(recipe: Recipe, section: Any) -> Any:
    """The published configuration of a teacher's or student's model, or else what its files say. Raises ModelError."""
    source = section.model
    if isinstance(source, LayersModel):
        return copy_layers_config(config_of(recipe, recipe.teachers[source.teacher]), source.layers)
    id = published_id(recipe, section)
    return published_config(id) if id is not None else planned_config(recipe, section)


def origin(recipe: Recipe, section: Any) -> Any:
    """The section that says where a model comes from: of a student made of a teacher's layers, the teacher's."""
    return recipe.teachers[section.model.teacher] if isinstance(section.model, LayersModel) else section


def published_id(recipe: Recipe, section: Any) -> str | None:
    """The hub id under which a model's configuration is published, whole or with fewer layers; None if it is not."""
    source = origin(recipe, section).model
    return source.id if isinstance(source, HubModel) and source.id in PUBLISHED else None


def _outline(
    recipe: Recipe,
    name: str,
    section: Any,
    training: Training | None,
    trainings: int,
    learns: int,
    asked: int,
    sizes: Mapping[str, int],
    live: Mapping[str, int],
) -> ModelOutline:
    config = config_of(recipe, section)
    role = "student" if section is recipe.student else "teacher"
    kind = recipe.task if role == "student" else section.model_kind(recipe.task, config)
    id = published_id(recipe, section)
    parameters = planned_parameters(kind, config) + (PUBLISHED[id].output_layer if id is not None else 0)
    memory = format_of(section.model).bytes * parameters
    if training is not None and training.lora is None:
        workers = resolve_workers(recipe.engine.workers, training.batch_size)
        memory = training_bytes(
            parameters, resolve_precision(recipe.engine.precision), recipe.engine.zero_stage, workers
        )
    evaluation = recipe.evaluation
    on_the_way = [] if training is None or training.validation is None else [training.validation]
    on_the_way += [evaluation.split] if role == "student" and evaluation.during_training else []
    measured = sizes[evaluation.split]
    return ModelOutline(
        name=name,
        role=role,
        section=section,
        training=training,
        published=id is not None,
        parameters=parameters,
        trainings=trainings,
        learns=learns,
        asked=asked,
        measured=measured,
        watched=sum(sizes[split] for split in on_the_way),
        alone=questions_alone(min(evaluation.latency_questions, measured)),
        memory=memory,
        live=live,
    )


def signal_sizes(recipe: Recipe, data: KnownData) -> dict[str, float]:
    """About how many bytes each teacher's signal about one example takes, by some here, or generated ones; with next tokens where a loss compares
    them with the student's."""
    splits = data.splits
    if splits is None:
        source = {**recipe.task.stand_in(), "examples": {"train": _FEW}}
        splits = load_data(Data.model_validate({"source": source, "splits": {"train": "train"}}), recipe.task)
    task = fitted_task(recipe, splits)
    some = [example for split in splits.values() for example in split.examples[:_FEW]]
    text, sizes = task.head_bytes(some), task.head_sizes(some)
    length = int(text.sum()) if text is not None and any(map(is_of_tokens, recipe.losses.values())) else 0
    read = {name: length if length and may_read_alike(recipe, name) else 0 for name in recipe.teachers}
    return {name: signal_bytes(recipe.signals, len(some), sizes, text) / len(some) for name, text in read.items()}
