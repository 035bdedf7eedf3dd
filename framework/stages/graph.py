"""All stages of a recipe, in the order in which they run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from framework.data.windows_section import WindowSettings
from framework.losses.base import Loss
from framework.losses.hard_label import HardLabel
from framework.models.section import FolderModel, HubModel, LayersModel, TrainedTokenizer
from framework.stages.evaluation import evaluation_stage
from framework.stages.initial import fetch, initial_stage, layers_stage, tokenizer_stage
from framework.stages.planned import check_models
from framework.stages.signals import signals_stage
from framework.stages.stage import Context, Stage
from framework.stages.training import training_stage
from framework.teachers.base import Teacher
from framework.training.section import Training


@dataclass(frozen=True)
class ModelStages:
    """The stages of one model of the table. role: teacher, baseline or student."""

    name: str
    role: str
    split: str | None
    training: Training | None
    tokenizer: Stage | None
    initial: Stage
    trained: Stage | None
    evaluation: Stage

    @property
    def weights(self) -> Stage:
        """The stage that leaves the model's final weights."""
        return self.trained if self.trained is not None else self.initial


@dataclass(frozen=True)
class Graph:
    """The stages of a recipe: models in the order of the table, and each teacher's signals."""

    models: list[ModelStages]
    signals: dict[str, Stage]

    def stages(self) -> Iterator[tuple[Stage, ModelStages | None]]:
        """Every stage once, after those that it depends on, with the model that it belongs to."""
        seen: set[str] = set()
        for model in self.models:
            own = [model.tokenizer, model.initial, model.trained, model.evaluation, self.signals.get(model.name)]
            for stage in own:
                # Baseline and student begin with the same weights: that stage comes once.
                if stage is not None and (stage.digest not in seen or stage is model.evaluation):
                    seen.add(stage.digest)
                    yield stage, model


def build_graph(context: Context) -> Graph:
    """Lay out the stages; nothing runs yet. Raises UserError for models or data that cannot be had."""
    recipe = context.recipe
    sections: list[Any] = [*recipe.teachers.values(), *([recipe.student] if recipe.student else [])]
    for section in sections:
        if isinstance(section.model, HubModel | FolderModel):
            fetch(section.model, section.tokenizer)
    check_models(recipe)
    models = [_teacher(context, name, teacher) for name, teacher in recipe.teachers.items()]
    signals = {}
    if recipe.student is not None:
        if recipe.distils:
            for model in models:
                windows = recipe.teachers[model.name].windows or recipe.windows
                signals[model.name] = signals_stage(context, model.name, model.weights, recipe.student.split, windows)
        models.extend(_students(context, {model.name: model for model in models}, signals))
    return Graph(models, signals)


def _teacher(context: Context, name: str, teacher: Teacher) -> ModelStages:
    recipe = context.recipe
    windows = teacher.windows or recipe.windows
    training = teacher.fine_tune
    seed = recipe.seed if training is None or training.seed is None else training.seed
    tokenizer = _tokenizer(context, teacher.tokenizer, teacher.split)
    assert not isinstance(teacher.model, LayersModel)
    initial = initial_stage(context, name, teacher.model, teacher.tokenizer, tokenizer, seed)
    trained = None
    if training is not None:
        losses: dict[str, Loss] = {"hard_label": HardLabel()}
        trained = training_stage(context, name, initial, training, teacher.split, windows, losses, signals=None)
    return _with_evaluation(
        context, windows, name, "teacher", teacher.split if training else None, training, tokenizer, initial, trained
    )


def _students(context: Context, teachers: dict[str, ModelStages], signals: dict[str, Stage]) -> Iterator[ModelStages]:
    recipe, student = context.recipe, context.recipe.student
    assert student is not None
    seed = recipe.seed if student.seed is None else student.seed
    tokenizer = _tokenizer(context, student.tokenizer, student.split)
    if isinstance(student.model, LayersModel):
        initial = layers_stage(context, "the student", student.model, teachers[student.model.teacher].weights)
    else:
        initial = initial_stage(context, "the student", student.model, student.tokenizer, tokenizer, seed)
    only = next(iter(signals.values()), None)
    labels: dict[str, Loss] = {"hard_label": HardLabel()}
    variants: list[tuple[str, str, Mapping[str, Loss], Stage | None]] = [
        *(("student_no_distillation", "baseline", labels, None) for _ in recipe.baselines),
        ("student", "student", recipe.losses, only),
    ]
    for name, role, losses, source in variants:
        trained = training_stage(context, name, initial, student, student.split, recipe.windows, losses, source)
        yield _with_evaluation(context, recipe.windows, name, role, student.split, student, tokenizer, initial, trained)


def _tokenizer(context: Context, settings: object, split: str) -> Stage | None:
    return tokenizer_stage(context, settings, split) if isinstance(settings, TrainedTokenizer) else None


def _with_evaluation(
    context: Context,
    windows: WindowSettings,
    name: str,
    role: str,
    split: str | None,
    training: Training | None,
    tokenizer: Stage | None,
    initial: Stage,
    trained: Stage | None,
) -> ModelStages:
    evaluation = evaluation_stage(context, name, trained if trained is not None else initial, windows)
    return ModelStages(name, role, split, training, tokenizer, initial, trained, evaluation)
