"""What results say of their task, so that who reads them need not know it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from framework.metrics import Metric
from framework.tasks.base import Task
from framework.tasks.registry import DEFAULT_TASK


@dataclass(frozen=True)
class TaskSummary:
    """kind: as recipes name it; items: what its examples are called; metrics, variants: as in `Task`."""

    kind: str
    items: str
    metrics: tuple[Metric, ...]
    variants: tuple[str, ...] = ()

    def metric(self, name: str) -> Metric:
        """The metric of this name; there has to be one."""
        return next(metric for metric in self.metrics if metric.name == name)

    def as_data(self) -> dict[str, Any]:
        """As results.json and search.json hold it."""
        metrics = [asdict(metric) for metric in self.metrics]
        return {**asdict(self), "metrics": metrics, "variants": list(self.variants)}


def summary_of(task: Task) -> TaskSummary:
    """What results say of a task."""
    return TaskSummary(task.kind, task.items, tuple(task.metrics), tuple(task.variants))


def summary_in(values: Mapping[str, Any]) -> TaskSummary:
    """The task of results.json or search.json; those that name none were written when there was one alone.

    Raises ValueError for one that is damaged.
    """
    found = values.get("task")
    if found is None:
        return summary_of(DEFAULT_TASK)
    try:
        return TypeAdapter(TaskSummary).validate_python(found)
    except ValidationError as error:
        raise ValueError(f"`task`: {error.errors()[0]['msg']}") from None
