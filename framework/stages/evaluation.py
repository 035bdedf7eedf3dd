"""The stage that measures a model: predictions, EM and F1, latency."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from framework.answer import Answerer
from framework.data.windows import cut_windows
from framework.data.windows_section import WindowSettings
from framework.errors import DataError
from framework.evaluation.latency import measure_latency
from framework.files import write_json
from framework.inference import all_logits
from framework.models.build import count_parameters, pretrained_model
from framework.models.tokenizers import load_model_tokenizer
from framework.stages.stage import Context, Stage

_WARM_UP = 5  # questions answered before latency is measured


def evaluation_stage(context: Context, name: str, model: Stage, windows: WindowSettings) -> Stage:
    """Measure a model on the recipe's evaluation split."""
    recipe, settings = context.recipe, context.recipe.evaluation
    task, split = recipe.task, context.data[settings.split]

    def make(folder: Path) -> dict[str, Any]:
        source = model.folder(context.store) / "model"
        tokenizer = load_model_tokenizer(source)
        loaded = pretrained_model(task, source, seed=0)
        cut = cut_windows(split.examples, tokenizer, windows)
        pad_id = int(tokenizer.pad_token_id)
        logits = all_logits(
            task, loaded, cut, pad_id, settings.batch_size, context.precision, context.progress, f"evaluate {name}"
        )
        predictions = task.predict(split.examples, cut, logits, recipe.data.unanswerable)
        scores = task.score(split.examples, predictions, recipe.data.unanswerable, settings.bootstrap, recipe.seed)
        write_json(folder / "predictions.json", predictions)
        answerer = Answerer(task, loaded, tokenizer, windows, recipe.data.unanswerable)
        return {
            "parameters": count_parameters(loaded),
            "evaluation": {"split": settings.split, **asdict(scores)},
            "latency": _latency(context, answerer),
        }

    if not any(example.answers is not None for example in split.examples):
        raise DataError(
            f"evaluation.split: no question of split '{settings.split}' carries an answer to compare with; choose a "
            "labelled split (or set data.unanswerable, if questions without an answer are meant to have none)"
        )
    inputs = {
        "model": model.digest,
        "task": task.model_dump(mode="json"),
        "data": split.digest,
        "unanswerable": recipe.data.unanswerable,
        "windows": windows.model_dump(),
        "evaluation": settings.model_dump(exclude={"split"}),
        "precision": context.precision,
        "seed": recipe.seed,
    }
    return Stage(f"evaluate {name}", "evaluations", inputs, make)


def _latency(context: Context, answerer: Answerer) -> dict[str, Any] | None:
    """Time to answer one question on one CPU thread (or on the GPU, where there is one)."""
    settings = context.recipe.evaluation
    if not settings.latency_questions:
        return None
    examples = context.data[settings.split].examples[: settings.latency_questions]
    latency = measure_latency(lambda example: answerer.answer(example.question, example.context), examples, _WARM_UP)
    return asdict(latency)
