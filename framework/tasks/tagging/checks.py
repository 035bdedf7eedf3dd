"""What tagging demands of other sections of a recipe, in words."""

from typing import TYPE_CHECKING

from framework.data.features import WindowSettings

if TYPE_CHECKING:
    from framework.tasks.sections import Sections


def problems_of(recipe: "Sections") -> list[str]:
    """There are no questions, and nothing for a model to write."""
    from framework.teachers.generative import Generative

    places = {"windows": recipe.windows}
    places |= {
        f"teachers.{name}.windows": teacher.windows for name, teacher in recipe.teachers.items() if teacher.windows
    }
    usual = WindowSettings().max_question
    return [
        f"{place}.max_question is for questions, and tagging has none: drop it"
        for place, windows in places.items()
        if windows.max_question != usual
    ] + [
        f"teachers.{name}: a generative teacher writes text, which says no tag of each word: take an encoder, or a teacher of "
        "your own without a model"
        for name, teacher in recipe.teachers.items()
        if isinstance(teacher, Generative)
    ]
