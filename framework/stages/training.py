"""Stages that train: teachers on labels, students on labels and signals."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from framework.answer import save_settings
from framework.data.windows import cut_windows
from framework.data.windows_section import WindowSettings
from framework.losses.base import Loss
from framework.models.tokenizers import load_model_tokenizer
from framework.signals.shards import SignalReader
from framework.stages.stage import Context, Stage
from framework.training.history import History
from framework.training.job import Report, TrainingJob
from framework.training.section import Training

_SILENT_SETTINGS = {"log_every", "checkpoint_every", "seed"}  # they do not change what comes out


def training_stage(
    context: Context,
    name: str,
    initial: Stage,
    training: Training,
    split: str,
    windows: WindowSettings,
    losses: Mapping[str, Loss],
    signals: Stage | None,
) -> Stage:
    """Train `initial` on a split with `losses`; signals are read where a loss asks for them."""
    recipe = context.recipe
    seed = recipe.seed if training.seed is None else training.seed

    def make(folder: Path) -> dict[str, Any]:
        source = initial.folder(context.store) / "model"
        tokenizer = load_model_tokenizer(source)
        examples = context.data[split].examples
        items, figures = recipe.task.training_items(
            examples,
            cut_windows(examples, tokenizer, windows, context.progress),
            int(tokenizer.pad_token_id),
            SignalReader(signals.folder(context.store)) if signals is not None else None,
            sorted({loss.temperature for loss in losses.values() if loss.source == "signal"}),
        )
        job = TrainingJob(
            task=recipe.task,
            initial=source,
            output=folder,
            items=items,
            training=training,
            engine=recipe.engine,
            losses=losses,
            precision=context.precision,
            workers=context.workers,
            seed=seed,
        )
        summary = _train(context, name, job)
        tokenizer.save_pretrained(str(folder / "model"))
        save_settings(folder / "model", recipe.task, windows, recipe.data.unanswerable)
        shutil.rmtree(job.checkpoints, ignore_errors=True)
        return {**summary.as_facts(), **figures}

    inputs = {
        "initial": initial.digest,
        "data": context.data[split].digest,
        "unanswerable": recipe.data.unanswerable,
        "windows": windows.model_dump(),
        "training": training.model_dump(mode="json", include=set(Training.model_fields) - _SILENT_SETTINGS),
        "losses": {key: loss.model_dump(mode="json") for key, loss in losses.items()},
        "signals": signals.digest if signals is not None else None,
        "engine": {"zero_stage": recipe.engine.zero_stage, "precision": context.precision, "workers": context.workers},
        "seed": seed,
    }
    return Stage(f"train {name}", "models", inputs, make)


def _train(context: Context, name: str, job: TrainingJob) -> Any:
    """Train with a bar on the screen and the history on disk."""
    history = History(job.output / "history.jsonl")
    steps = -(-len(job.items.windows) // job.training.batch_size) * job.training.epochs
    done = 0
    with context.progress.task(f"train {name}", steps, "steps") as bar:

        def report(row: Report) -> None:
            nonlocal done
            history.add(row)
            speed = row.metrics.get("windows_per_second")
            figures = {"loss": row.metrics["loss"]} if "loss" in row.metrics else {}
            bar.advance(row.step - done, **figures, **({"examples/s": speed} if speed else {}))
            done = row.step

        try:
            return context.train(job, report)
        finally:
            history.close()
