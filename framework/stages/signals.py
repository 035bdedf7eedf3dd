"""The stage that asks a teacher about every question of a split, once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from framework.data.example import Example
from framework.data.windows import cut_windows
from framework.data.windows_section import WindowSettings
from framework.inference import all_logits
from framework.models.build import pretrained_model
from framework.models.tokenizers import load_model_tokenizer
from framework.signals.collect import collect
from framework.signals.shards import FORMAT
from framework.signals.span import SpanSignal
from framework.stages.stage import Context, Stage


def signals_stage(context: Context, name: str, model: Stage, split: str, windows: WindowSettings) -> Stage:
    """Collect the signals of teacher `name` on a split into the store."""
    task, settings = context.recipe.task, context.recipe.signals
    examples = context.data[split].examples
    title = f"collect signals of {name} on '{split}'"

    def make(folder: Path) -> dict[str, Any]:
        source = model.folder(context.store) / "model"
        tokenizer = load_model_tokenizer(source)
        teacher = pretrained_model(task, source, seed=0)
        pad_id = int(tokenizer.pad_token_id)

        def opinions(part: Sequence[Example]) -> list[SpanSignal]:
            cut = cut_windows(part, tokenizer, windows)
            logits = all_logits(task, teacher, cut, pad_id, settings.batch_size, context.precision)
            return task.write_signals(part, cut, logits)

        return collect(folder, examples, opinions, settings, context.progress, title)

    inputs = {
        "model": model.digest,
        "task": task.kind,
        "data": context.data[split].digest,
        "windows": windows.model_dump(),
        "signals": settings.model_dump(),
        "precision": context.precision,
        "format": FORMAT,
    }
    return Stage(title, "signals", inputs, make)
