"""The stages that measure models and ensembles: predictions and metrics of each, and the latency of all models of a table."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from distil.framework.answer import Answerer
from distil.framework.chat.estimate import Paid
from distil.framework.data.example import Example, why_unlabelled
from distil.framework.data.features import WindowSettings
from distil.framework.device import available_bytes
from distil.framework.digest import MODELS, versions
from distil.framework.ensembles.source import EnsembleSource, weight_figures
from distil.framework.errors import DataError
from distil.framework.files import write_json
from distil.framework.latency import Ask, measure_side_by_side
from distil.framework.plugins import settings_of
from distil.framework.predictors.logits import alone
from distil.framework.signals.source import in_chunks
from distil.framework.stages.shown import Shown
from distil.framework.stages.stage import Context, Stage, answers_version, key_of
from distil.framework.stages.supervision import Supervision
from distil.framework.tasks.base import InferenceConfig, Plain, Predictor

_MOST = 0.5  # of the memory that is free: what models take that are timed without being opened again and again
_WEIGHT = 4  # bytes


@dataclass(frozen=True)
class Measured:
    """A model that is measured. model: the stage that leaves its weights; own: settings of its kind; opens: the model in a
    folder; timed: whether its latency says something of it; shown: what it is shown before it is asked."""

    name: str
    model: Stage
    windows: WindowSettings
    own: dict[str, Any]
    opens: Callable[[Path, InferenceConfig], Predictor]
    timed: bool = True
    shown: Shown | None = None

    def inference(self, context: Context) -> InferenceConfig:
        """How it reads when it is measured."""
        settings = context.recipe.evaluation
        return InferenceConfig(
            context.task,
            self.windows,
            settings.batch_size,
            context.precision,
            batch_tokens=settings.batch_tokens,
            answers=context.answers,
            storage=context.store.storage,
            pool=self.shown.pool if self.shown is not None else None,
        )

    def asked_alone(self, context: Context) -> Ask:
        """Opens it to be asked one question after the other."""
        inference = alone(self.inference(context))
        return Answerer(self.opens(self.model.result(context.store) / "model", inference), inference).ask


def evaluation_stage(context: Context, measured: Measured) -> Stage:
    """Measure a model on the recipe's evaluation split."""

    def make(folder: Path) -> dict[str, Any]:
        source = measured.model.result(context.store) / "model"
        for stage in measured.shown.before if measured.shown is not None else ():
            stage.result(context.store)
        predictor = measured.opens(source, measured.inference(context))
        predictions = predictor.predict(_examples(context), context.progress, f"evaluate {measured.name}")
        write_json(folder / "predictions.json", predictions)
        usage = {"usage": predictor.usage(_examples(context))} if isinstance(predictor, Paid) else {}
        return {"parameters": predictor.parameters, "evaluation": _scores(context, predictions), **usage}

    inputs = {"model": measured.model.key, "windows": measured.windows.model_dump(), "own": measured.own}
    inputs |= {"shown": measured.shown.inputs} if measured.shown is not None else {}
    made_by = {
        **versions(4, MODELS, context.device),
        **answers_version(context.task, measured.own.get("kind")),
    }
    key = key_of(context, "evaluations", {**inputs, **_inputs(context)}, made_by)
    return Stage(f"evaluate {measured.name}", key, make)


def latency_stage(
    context: Context, models: Sequence[tuple[Measured, Stage]], after: Sequence[Stage] = ()
) -> Stage | None:
    """Time models, which take turns; None where the recipe wants none timed, or has none to time. Its facts: `latency`, in the order of the models.

    models: each with its evaluation; after: stages that are done before, so that nothing runs beside it.
    """
    count = context.recipe.evaluation.latency_questions
    if not count or not models:
        return None

    def make(folder: Path) -> dict[str, Any]:
        examples = _examples(context)[:count]
        whole = _WEIGHT * sum(stage.facts(context.store)["parameters"] for _, stage in models)
        opening = {number: partial(one.asked_alone, context) for number, (one, _) in enumerate(models)}
        found = measure_side_by_side(opening, examples, keep=whole <= _MOST * available_bytes())
        return {"latency": [asdict(found[number]) for number in opening]}

    inputs = {"models": [stage.key for _, stage in models], "after": [stage.key for stage in after], "examples": count}
    key = key_of(context, "latencies", inputs, versions(1, MODELS, context.device))
    return Stage("time all models, in turn", key, make)


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
            "weights": weight_figures(source, examples),
        }

    inputs = {"teaching": supervision.inputs(context), **_inputs(context)}
    return Stage("evaluate ensemble", key_of(context, "evaluations", inputs, versions(3)), make)


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
    """What every evaluation depends on."""
    recipe, settings = context.recipe, context.recipe.evaluation
    split = context.data[settings.split]
    return {
        "task": settings_of(context.task),
        "data": split.digest,
        "evaluation": settings.model_dump(include={"bootstrap"}),
        "precision": context.precision,
        "seed": recipe.seed,
    }


def _scores(context: Context, predictions: dict[str, Any]) -> dict[str, Any]:
    recipe, settings = context.recipe, context.recipe.evaluation
    scores = context.task.score(_examples(context), predictions, settings.bootstrap, recipe.seed)
    return {
        "split": settings.split,
        "examples": scores.examples,
        "precision": context.precision,
        "metrics": scores.metrics,
        "intervals": scores.intervals,
        "variants": scores.variants,
        **({"unlocated": scores.unlocated} if scores.unlocated else {}),
        **({"unread": scores.unread} if scores.unread else {}),
    }
