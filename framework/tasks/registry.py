"""The tasks that a recipe may name, the sources that come with them, and what results say of their task, so that who reads them
need not know it. A new task is a folder beside these, and its name here."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import TypeAdapter, ValidationError

from distil.framework.data.hub import Hub
from distil.framework.data.local_files import Files
from distil.framework.metrics import Metric
from distil.framework.plugins import by_kind
from distil.framework.tasks.base import Task
from distil.framework.tasks.classification.synthetic import Messages
from distil.framework.tasks.classification.task import Classification
from distil.framework.tasks.span_qa.synthetic import Synthetic
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.tasks.tagging.synthetic import News
from distil.framework.tasks.tagging.task import Tagging
from distil.framework.tasks.text.synthetic import Instructions
from distil.framework.tasks.text.task import Text

TASKS: tuple[type[Any], ...] = (ExtractiveQA, Classification, Tagging, Text)
DEFAULT_TASK: Task = ExtractiveQA()

if TYPE_CHECKING:  # whoever takes any task sees the protocol alone
    from distil.framework.data.records import Source

    AnyTask = Task
    AnySource = Source
else:
    AnyTask = Annotated[ExtractiveQA | Classification | Tagging | Text, by_kind(*TASKS, protocols=(Task,))]
    AnySource = Annotated[
        Hub | Files | Synthetic | Messages | News | Instructions,
        by_kind(Hub, Files, Synthetic, Messages, News, Instructions),
    ]


def task_of(results: Mapping[str, Any], given: Task) -> Task:
    """The task of a run, fitted to its data, by its results; given: that of its recipe, which earlier results leave at that."""
    noted = results.get("task") or {}
    if "settings" not in noted:
        return given
    task: Task = TypeAdapter[Task](AnyTask).validate_python(noted["settings"])
    return task


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
