"""What extractive question answering demands of other sections of a recipe, in words."""

from typing import TYPE_CHECKING

from framework.data.features import WindowSettings
from framework.tasks.span_qa.template import parse_template

if TYPE_CHECKING:
    from framework.tasks.sections import Sections

_SPECIAL = 8  # tokens that leave room for the special ones of every known pair format


def prompt_problems(recipe: "Sections") -> list[str]:
    """Prompts that do not show question and context."""
    problems = []
    for name, teacher in recipe.teachers.items():
        prompt = getattr(teacher, "prompt", None)
        if teacher.kind == "generative" and prompt is not None:
            try:
                parse_template(prompt)
            except ValueError as error:
                problems.append(f"teachers.{name}.prompt: {error}")
    return problems


def label_problems(kind: str, recipe: "Sections") -> list[str]:
    """Names of labels, of which this task has none."""
    return [
        f"teachers.{name}.label_map is for tasks with labels, and {kind} has none: drop it"
        for name, teacher in recipe.teachers.items()
        if getattr(teacher, "label_map", None) is not None
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
