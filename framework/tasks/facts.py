"""What the rest of distil asks of any task, by what it says of itself."""

from collections.abc import Mapping

from distil.framework.errors import DataError
from distil.framework.plugins import settings_of
from distil.framework.tasks.base import Plain, Task


def trained_settings(task: Task) -> Plain:
    """The settings of a task that may decide about models and signals; of the user's own with the digest of its source."""
    return {name: value for name, value in settings_of(task).items() if name not in task.measured_with}


def main_metrics(task: Task, metrics: Mapping[str, float]) -> dict[str, float]:
    """Those of the scores' `metrics` that the task names. Raises DataError for a task that does not give what it names, but for what is
    optional."""
    missing = [metric.name for metric in task.metrics if metric.name not in metrics and not metric.optional]
    if missing:
        raise DataError(
            f"the task {task.kind} names as metrics {', '.join(missing)}, and its scores hold only {', '.join(metrics)}; "
            "have its `score` give them, or drop them from its `metrics`"
        )
    return {metric.name: metrics[metric.name] for metric in task.metrics if metric.name in metrics}
