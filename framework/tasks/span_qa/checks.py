"""What extractive question answering demands of other sections of a recipe, in words, and of a model's head."""

import copy
from typing import TYPE_CHECKING, Any

from distil.framework.data.features import WindowSettings
from distil.framework.errors import ModelError
from distil.framework.language.words import count_of
from distil.framework.models.build import planned_parameters
from distil.framework.models.kind import ModelKind
from distil.framework.tasks.span_qa.synthetic import Synthetic

if TYPE_CHECKING:
    from distil.framework.tasks.sections import Sections

_SPECIAL = 8  # tokens that leave room for the special ones of every known pair format


def chat_problems(recipe: "Sections") -> list[str]:
    """Likelihoods are of answers as they are written, and of nothing else that might have stood there."""
    from distil.framework.teachers.chat import Chat

    usual = Chat.model_fields["top_logprobs"].default
    chats = {name: teacher for name, teacher in recipe.teachers.items() if isinstance(teacher, Chat)}
    return [
        f"teachers.{name}.top_logprobs is for labels, and the likelihood of an answer is that of its own tokens: drop it"
        for name, teacher in chats.items()
        if teacher.top_logprobs != usual
    ] + [
        f"teachers.{name}.read: first_token is for labels, and an answer is more than its first token: set read: likelihood"
        for name, teacher in chats.items()
        if teacher.read == "first_token"
    ]


def label_problems(kind: str, recipe: "Sections") -> list[str]:
    """Names of labels, of which this task has none."""
    return [
        f"teachers.{name}.label_map is for tasks with labels, and {kind} has none: drop it"
        for name, teacher in recipe.teachers.items()
        if getattr(teacher, "label_map", None) is not None
    ]


def unanswerable_problems(null_threshold: float, recipe: "Sections") -> list[str]:
    """What is for questions without an answer, where there are none."""
    problems = []
    if null_threshold != 0.0:
        problems.append("task.null_threshold is for unanswerable questions: set task.unanswerable: true, or drop it")
    sources = {"data.source": recipe.data.source}
    sources |= {f"data.extra.{name}.source": extra.source for name, extra in recipe.data.extra.items()}
    return problems + [
        f"{place}.unanswerable is {source.unanswerable:g} but task.unanswerable is false; set task.unanswerable: true"
        for place, source in sources.items()
        if isinstance(source, Synthetic) and source.unanswerable > 0
    ]


def window_problems(recipe: "Sections") -> list[str]:
    """Windows that get no further in a context."""
    places = {f"teachers.{name}.windows": teacher.windows for name, teacher in recipe.teachers.items()}
    return [
        f"{place}: {problem}"
        for place, windows in {"windows": recipe.windows, **places}.items()
        if windows is not None and (problem := _problem(windows))
    ]


def _problem(windows: WindowSettings) -> str | None:
    room = windows.max_length - windows.max_question - _SPECIAL
    if windows.doc_stride < room:
        return None
    return (
        f"doc_stride {windows.doc_stride} leaves no new context in a window: max_length {windows.max_length} less "
        f"max_question {windows.max_question} and special tokens leaves {room}; lower doc_stride or max_question, or raise "
        "max_length"
    )


def check_head(task: ModelKind, config: Any) -> None:
    """Refuse a configuration whose head would not have two outputs a token. Raises ModelError."""
    labels = int(getattr(config, "num_labels", 2))
    if labels == 2:
        return
    usual = copy.deepcopy(config)
    usual.num_labels = 2
    # Some architectures always have two, whatever their configuration says.
    if planned_parameters(task, config) != planned_parameters(task, usual):
        raise ModelError(
            f"this {config.model_type} configuration has {count_of(labels, 'label')} (num_labels, id2label), and a head that says where "
            "answers start and end has 2: set num_labels to 2"
        )
