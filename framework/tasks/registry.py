"""The tasks that a recipe may name, and the sources that come with them. A new task is a folder beside these, and its name
here."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import TypeAdapter

from framework.data.hub import Hub
from framework.data.local_files import Files
from framework.plugins import by_kind
from framework.tasks.base import Task
from framework.tasks.classification.synthetic import Messages
from framework.tasks.classification.task import Classification
from framework.tasks.span_qa.synthetic import Synthetic
from framework.tasks.span_qa.task import ExtractiveQA
from framework.tasks.tagging.synthetic import News
from framework.tasks.tagging.task import Tagging

TASKS: tuple[type[Any], ...] = (ExtractiveQA, Classification, Tagging)
DEFAULT_TASK: Task = ExtractiveQA()

if TYPE_CHECKING:  # whoever takes any task sees the protocol alone
    from framework.data.records import Source

    AnyTask = Task
    AnySource = Source
else:
    AnyTask = Annotated[ExtractiveQA | Classification | Tagging, by_kind(*TASKS, protocols=(Task,))]
    AnySource = Annotated[Hub | Files | Synthetic | Messages | News, by_kind(Hub, Files, Synthetic, Messages, News)]


def task_of(results: Mapping[str, Any], given: Task) -> Task:
    """The task of a run, fitted to its data, by its results; given: that of its recipe, which earlier results leave at that."""
    noted = results.get("task") or {}
    if "settings" not in noted:
        return given
    task: Task = TypeAdapter[Task](AnyTask).validate_python(noted["settings"])
    return task
