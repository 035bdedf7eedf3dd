"""The stage that looks at a teacher's signals on held-out labels: its temperature and its metrics."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from framework.digest import versions
from framework.errors import DataError
from framework.plugins import settings_of
from framework.signals.calibration import calibrate
from framework.signals.shards import SignalReader
from framework.stages.signals import Collection
from framework.stages.stage import Context, Stage, key_of
from framework.tasks.base import main_metrics


def held_out_stage(context: Context, found: Collection) -> Stage:
    """Calibrate a teacher's temperature and measure its signals.

    Raises DataError for a split without labels, or with questions by which models are measured.
    """
    recipe, split = context.recipe, context.data[found.split]
    task = context.task
    labelled = [example for example in split.examples if example.labelled]
    if not labelled:
        raise DataError(
            f"signals.held_out: no question of split '{found.split}' carries an answer to compare with; name a labelled split"
        )
    measured = {one.texts for one in context.data[recipe.evaluation.split].examples}
    shared = sum(one.texts in measured for one in split.examples)
    if shared:
        raise DataError(
            f"signals.held_out: {shared} of {len(split.examples)} questions of split '{found.split}' are also in "
            f"'{recipe.evaluation.split}', by which all is measured (evaluation.split); name a split without them"
        )

    def make(folder: Path) -> dict[str, Any]:
        signals = SignalReader(found.stage.result(context.store)).signals(labelled)
        predictions = task.predict_from_signals(labelled, signals)
        scores = task.score(labelled, predictions, resamples=100, seed=recipe.seed)
        return {**main_metrics(task, scores.metrics), **asdict(calibrate(signals, task.gold_outcomes(labelled)))}

    inputs = {
        "signals": found.stage.key,
        "task": settings_of(task),
        "data": split.digest,
    }
    key = key_of(context, "held_out", inputs, versions(2))
    return Stage(f"look at {found.teacher} on '{found.split}'", key, make)
