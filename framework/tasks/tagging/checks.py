"""What tagging demands of other sections of a recipe, in words."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from distil.framework.data.features import WindowSettings

if TYPE_CHECKING:
    from distil.framework.tasks.sections import Sections
    from distil.framework.tasks.tagging.task import Tagging
    from distil.framework.teachers.chat import Chat
    from distil.framework.teachers.generative import Generative


def problems_of(task: "Tagging", recipe: "Sections") -> list[str]:
    """What tagging demands of other sections of a recipe, in words: there are no questions."""
    from distil.framework.generative.prompts import prompt_problems
    from distil.framework.tasks.tagging.entity_lists import parse
    from distil.framework.teachers.chat import Chat
    from distil.framework.teachers.generative import Generative

    places = {"windows": recipe.windows}
    places |= {
        f"teachers.{name}.windows": teacher.windows for name, teacher in recipe.teachers.items() if teacher.windows
    }
    usual = WindowSettings()
    problems = [
        f"{place}.max_question is for questions, and tagging has none: drop it"
        for place, windows in places.items()
        if windows.max_question != usual.max_question
    ]
    overlapping = {"windows": recipe.windows} if recipe.student is not None else {}
    overlapping |= {
        f"teachers.{name}.windows": teacher.windows
        for name, teacher in recipe.teachers.items()
        if teacher.windows and teacher.kind == "encoder"
    }
    problems += [f"{place}: {said}" for place, windows in overlapping.items() if (said := windows.standstill)]
    for name, teacher in recipe.teachers.items():
        if isinstance(teacher, Generative):
            problems += [f"teachers.{name}{problem}" for problem in _generative_problems(task, teacher)]
        if isinstance(teacher, Chat):
            problems += [f"teachers.{name}{problem}" for problem in _chat_problems(task, teacher)]
    return problems + prompt_problems(recipe.teachers, parse)


def _generative_problems(task: "Tagging", teacher: "Generative") -> Iterator[str]:
    """Generative teachers write lists of entities, each about a part of a text."""
    usual = type(teacher).model_fields
    if not task.of_entities:
        yield ": a generative teacher writes entities, and the task's tags are none of entities: take an encoder, or a teacher of your own without a model"
    if teacher.candidates != usual["candidates"].default:
        yield ".candidates is for spans, and of each other teacher one list is taken: drop it"
    if teacher.windows is not None and teacher.windows.doc_stride != WindowSettings().doc_stride:
        yield ".windows.doc_stride is for windows that overlap, and the parts of a text that prompts show do not: drop it"


def _chat_problems(task: "Tagging", teacher: "Chat") -> Iterator[str]:
    """Language models write lists of entities, each of a whole text, and how likely a list is says nothing of a word."""
    if not task.of_entities:
        yield ": a chat teacher lists entities, and the task's tags are none of entities: take an encoder, or a teacher of your own without a model"
    if teacher.read != "votes":
        yield ".read: the likelihood of a list of entities says nothing of each word: set read: votes, and samples: 5, say"
