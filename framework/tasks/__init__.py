"""The tasks that a recipe may name. A new one is a file beside these and a name in `AnyTask`."""

from typing import Annotated

from framework.plugins import by_kind
from framework.tasks.base import Task
from framework.tasks.span_qa.task import ExtractiveQA

UNNAMED = ExtractiveQA()  # the task of results and models that name none
AnyTask = Annotated[ExtractiveQA, by_kind(ExtractiveQA, protocols=(Task,))]
