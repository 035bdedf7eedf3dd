"""The stages that measure models and ensembles: predictions, metrics, latency."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from framework.answer import Answerer
from framework.data.example import Example, why_unlabelled
from framework.data.features import WindowSettings
from framework.digest import MODELS, versions
from framework.ensembles.source import EnsembleSource, weight_figures
from framework.errors import DataError
from framework.files import write_json
from framework.latency import measure_latency
from framework.plugins import settings_of
from framework.predictors.logits import alone
from framework.signals.source import in_chunks
from framework.stages.stage import Context, Stage, key_of
from framework.stages.supervision import Supervision
from framework.tasks.base import InferenceConfig, Plain, Predictor

_WARM_UP = 5  # questions answered before latency is measured

Open = Callable[[Path, InferenceConfig], Predictor]


def evaluation_stage(
    context: Context, name: str, model: Stage, windows: WindowSettings, own: dict[str, Any], open_predictor: Open
) -> Stage:
    """Measure a model on the recipe's evaluation split. own: settings of its kind."""
    settings = context.recipe.evaluation
    inference = InferenceConfig(
        context.task, windows, settings.batch_size, context.precision, batch_tokens=settings.batch_tokens
    )
    one_by_one = alone(inference)

    def make(folder: Path) -> dict[str, Any]:
        source = model.result(context.store) / "model"
        examples = _examples(context)
        predictor = open_predictor(source, inference)
        predictions = predictor.predict(examples, context.progress, f"evaluate {name}")
        write_json(folder / "predictions.json", predictions)
        alone = predictor if inference == one_by_one else open_predictor(source, one_by_one)
        return {
            "parameters": predictor.parameters,
            "evaluation": _scores(context, predictions),
            "latency": _latency(context, Answerer(alone, one_by_one)),
        }

    inputs = {"model": model.key, "windows": windows.model_dump(), "own": own, **_inputs(context)}
    key = key_of(context, "evaluations", inputs, versions(2, MODELS, context.device))
    return Stage(f"evaluate {name}", key, make)


def ensemble_stage(context: Context, supervision: Supervision) -> Stage:
    """Measure an ensemble on the recipe's evaluation split by its signals; its weights there do not see the labels."""

    def make(folder: Path) -> dict[str, Any]:
        source = supervision.source(context, {}, ignore_labels=True)
        assert isinstance(source, EnsembleSource)
        examples = _examples(context)
        predictions: Plain = {}
        with context.progress.task("evaluate ensemble", len(examples)) as bar:
            for part in in_chunks(examples, 256):
                signals = source.signals(part, [1.0])[1.0][0]
                predictions |= context.task.predict_from_signals(part, signals)
                bar.advance(len(part))
        write_json(folder / "predictions.json", predictions)
        return {
            "parameters": None,
            "evaluation": _scores(context, predictions),
            "latency": None,
            "weights": weight_figures(source, examples),
        }

    inputs = {"teaching": supervision.inputs(context), **_inputs(context)}
    return Stage("evaluate ensemble", key_of(context, "evaluations", inputs, versions(2)), make)


_MEANT_SO = " (or set task.unanswerable, if questions without an answer are meant to have none)"


def check_labels(context: Context, place: str, name: str, purpose: str) -> None:
    """Raise DataError if no example of a split has a label. place: of the recipe, where it is named; purpose: what labels are for."""
    examples = context.data[name].examples
    if not any(example.labelled for example in examples):
        raise DataError(
            f"{place}: none of the {context.task.items} of split '{name}' has a label {purpose}{why_unlabelled(examples)}; choose a "
            f"labelled split{_MEANT_SO if hasattr(context.task, 'unanswerable') else ''}"
        )


def _examples(context: Context) -> Sequence[Example]:
    return context.data[context.recipe.evaluation.split].examples


def _inputs(context: Context) -> dict[str, Any]:
    """What every evaluation depends on. Raises DataError if nothing can be measured."""
    recipe, settings = context.recipe, context.recipe.evaluation
    split = context.data[settings.split]
    check_labels(context, "evaluation.split", settings.split, "to compare with")
    return {
        "task": settings_of(context.task),
        "data": split.digest,
        "evaluation": settings.model_dump(include={"bootstrap", "latency_questions"}),
        "precision": context.precision,
        "seed": recipe.seed,
    }


def _scores(context: Context, predictions: dict[str, Any]) -> dict[str, Any]:
    recipe, settings = context.recipe, context.recipe.evaluation
    scores = context.task.score(_examples(context), predictions, settings.bootstrap, recipe.seed)
    unlocated = [record.get("start", 0) < 0 for record in predictions.values()]
    return {
        "split": settings.split,
        **asdict(scores),
        **({"unlocated": sum(unlocated) / len(unlocated)} if any(unlocated) else {}),
    }


def _latency(context: Context, answerer: Answerer) -> dict[str, Any] | None:
    """Time to answer one question on one CPU thread (or on the GPU, where there is one)."""
    settings = context.recipe.evaluation
    if not settings.latency_questions:
        return None
    examples = _examples(context)[: settings.latency_questions]
    latency = measure_latency(answerer.ask, examples, _WARM_UP)
    return asdict(latency)
