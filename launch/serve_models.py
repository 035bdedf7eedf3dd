"""The models that `distil serve` asks, each loaded when it is first needed, and the one that a command asks."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from pydantic import BaseModel

from distil.framework.answer import Answerer, load_answerer
from distil.framework.data.features import WindowSettings
from distil.framework.errors import ModelError, OutputError
from distil.framework.files import Json
from distil.framework.metrics import Metric, points_of
from distil.framework.outcome import ModelResults, RunResults
from distil.framework.predictors.ensemble import EnsemblePredictor
from distil.framework.predictors.logits import alone
from distil.framework.recipe.load import untracked_recipe
from distil.framework.recipe.schema import Recipe
from distil.framework.results import model_of
from distil.framework.store import Store
from distil.framework.tasks.base import InferenceConfig, Task
from distil.framework.tasks.registry import TaskSummary, summary_in, task_of
from distil.launch.inspect import folder_of, only_model, results_of, shown
from distil.launch.quiet import quiet_transformers
from distil.launch.serve_examples import examples_of

_BATCH = 32  # windows, prompts or answers in a forward pass


@dataclass(frozen=True)
class ServedModel:
    """A model that can be asked.

    parameters: None where they are not known; metrics: those that are known, with their values; problem: why it cannot be asked, None if it can;
    load: the model, loaded by the first call. Raises DistilError.
    """

    name: str
    role: str
    parameters: int | None
    metrics: Sequence[tuple[Metric, float]]
    problem: str | None
    load: Callable[[], Answerer]


@dataclass(frozen=True)
class Models:
    """What a folder has to ask. default: the name of the one that is asked where none is named; examples: requests from the data
    of a run or a search, read by the first call. But for that, not for several threads."""

    title: str
    default: str
    by_name: Mapping[str, ServedModel]
    examples: Callable[[], list[Json]] = list

    @property
    def task(self) -> Task:
        """The task of its models, as that which is asked by default has it; loads it."""
        return self.by_name[self.default].load().inference.task

    def answer(self, name: str | None, request: BaseModel) -> Json:
        """The answer as `distil answer` prints it, the model's name, and the milliseconds that it took, without loading.

        Raises OutputError for a name that there is not, ModelError for a model that cannot be asked, DataError for a
        text that is blank.
        """
        *_, answer = self.pieces(name, request)
        return answer

    def pieces(self, name: str | None, request: BaseModel) -> Iterator[Json]:
        """The answer as it comes: what a model writes, piece by piece, as {"piece": text}, and last what `answer` gives. Raises as
        that does."""
        model = self.by_name.get(name if name is not None else self.default)
        if model is None:
            raise OutputError(f"there is no model '{name}'; there is {', '.join(self.by_name)}")
        if model.problem is not None:
            raise ModelError(model.problem)
        answerer = model.load()
        begin = time.perf_counter()
        for piece in answerer.pieces(request):
            if isinstance(piece, str):
                yield {"piece": piece}
            else:
                milliseconds = 1000 * (time.perf_counter() - begin)
                yield {**shown(piece), "model": model.name, "milliseconds": round(milliseconds, 1)}


def models_in(source: Path, name: str | None, many: bool = False) -> Models:
    """The models of a run, the student of a search's best trial, or a saved model; name: the one to ask first; many: whether they
    will be asked many questions at a time, and not one after the other.

    Raises OutputError where there is none, RecipeError for a run whose recipe cannot be read.
    """
    only = only_model(source, name)
    if only is None:
        return _of_run(source, name, many)
    model = ServedModel(
        name=only.role,
        role=only.role,
        parameters=only.metrics.get("parameters"),
        metrics=_known(only.task, only.metrics),
        problem=None,
        load=cache(lambda: _load(only.folder, only.recipe, many)),
    )
    recipe = only.recipe
    examples = list if recipe is None else cache(partial(examples_of, recipe, recipe.task))
    return Models(source.absolute().name, only.role, {only.role: model}, examples)


def answerer_of(source: Path, model: str | None, many: bool = False) -> Answerer:
    """The model of a saved folder, one of a run or its ensemble, or the student of a search's best trial.

    many: whether it will be asked many questions at a time. Raises DistilError.
    """
    quiet_transformers()
    if only_model(source, model) is None:
        results = results_of(source)
        record = model_of(source, results, model)
        # A student is asked by its task alone, and by no other class that the recipe names, as a loss of the user's own.
        if record["role"] not in ("teacher", "ensemble"):
            return load_answerer(folder_of(source, record), many, results["recipe"].get("task"))
        if record["role"] == "teacher":
            folder_of(source, record)  # one behind a server has none
    models = models_in(source, model, many)
    return models.by_name[models.default].load()


def _of_run(run: Path, name: str | None, many: bool) -> Models:
    results = results_of(run)
    default = str(model_of(run, results, name)["name"])
    recipe = untracked_recipe(results["recipe"], str(run / "results.json"))
    models: dict[str, ServedModel] = {}
    for record in results["models"]:
        if record["role"] == "ensemble":
            problem, load = _ensemble(recipe, results, models, many)
        elif record["role"] == "teacher":
            problem, load = _teacher(run, recipe, results, record, many)
        else:
            problem, load = _problem(run, record), _student(run, recipe, record, many)
        measured = record["evaluation"] or {}
        models[record["name"]] = ServedModel(
            name=record["name"],
            role=record["role"],
            parameters=record["parameters"],
            metrics=_known(summary_in(results), measured),
            problem=problem,
            load=cache(load),
        )
    if models[default].problem is not None:
        raise OutputError(str(models[default].problem))
    examples = cache(partial(examples_of, recipe, task_of(results, recipe.task)))
    return Models(str(results["run"]), default, models, examples)


def _known(task: TaskSummary, figures: Mapping[str, float]) -> list[tuple[Metric, float]]:
    return [(metric, figures[metric.name]) for metric in task.metrics if metric.name in figures]


def _problem(run: Path, record: ModelResults) -> str | None:
    try:
        folder_of(run, record)
    except OutputError as error:
        return str(error)
    return None


def _student(run: Path, recipe: Recipe, record: ModelResults, many: bool) -> Callable[[], Answerer]:
    return lambda: _load(folder_of(run, record), recipe, many)


def _load(folder: Path, recipe: Recipe | None, many: bool) -> Answerer:
    return load_answerer(folder, many, None if recipe is None else recipe.task.model_dump(mode="json"))


def _teacher(
    run: Path, recipe: Recipe, results: RunResults, record: ModelResults, many: bool
) -> tuple[str | None, Callable[[], Answerer]]:
    """A teacher, read as the recipe says: one that is taken as it is has no settings of distil's beside its weights."""
    teacher = recipe.teachers[record["name"]]
    inference = _inference(recipe, results, teacher.windows or recipe.windows, many)
    unknown = "it is shown examples of its run's data before it is asked, which are not at hand here: ask another model"
    shown = unknown if getattr(teacher, "examples", None) is not None else None
    if teacher.model is None:
        folder = _store(run).root / "initial" / record["digest"] / "model"
        return shown, lambda: Answerer(teacher.predictor(folder, inference), inference)
    return shown or _problem(run, record), lambda: Answerer(
        teacher.predictor(folder_of(run, record), inference), inference
    )


def _ensemble(
    recipe: Recipe, results: RunResults, models: Mapping[str, ServedModel], many: bool
) -> tuple[str | None, Callable[[], Answerer]]:
    """The ensemble of teachers that are among `models`."""
    rule = recipe.ensemble
    assert rule is not None
    teachers = {name: models[name] for name in recipe.teachers}
    facts: Json = results.get("held_out") or {}

    def load() -> Answerer:
        inference = _inference(recipe, results, recipe.windows, many)
        predictor = EnsemblePredictor(
            ensemble=rule,
            teachers={name: teacher.load().predictor for name, teacher in teachers.items()},
            takes_proposals=frozenset(name for name, teacher in recipe.teachers.items() if teacher.takes_proposals),
            temperatures={
                name: float(facts[name]["temperature"] if teacher.temperature == "calibrated" else teacher.temperature)
                for name, teacher in recipe.teachers.items()
            },
            points=points_of(rule.metric, inference.task.metrics, facts),
            top_k=recipe.signals.top_k,
            inference=inference,
        )
        return Answerer(predictor, inference)

    if rule.needs_labels:
        problem = (
            f"the rule '{rule.rule}' weighs teachers by the right answer, which is not known of a question asked here; "
            "compare the teachers themselves"
        )
        return problem, load
    missing = [name for name in recipe.calibrated if name not in facts]
    problems = [teacher.problem for teacher in teachers.values() if teacher.problem is not None]
    if missing:
        problems.append(
            f"results.json does not say what was found out about {', '.join(missing)}; run the recipe again"
        )
    return (problems[0] if problems else None), load


def _store(run: Path) -> Store:
    return Store(run.absolute().parent / "store")


def _inference(recipe: Recipe, results: RunResults, windows: WindowSettings, many: bool) -> InferenceConfig:
    inference = InferenceConfig(task_of(results, recipe.task), windows, _BATCH, "fp32")
    return inference if many else alone(inference)
