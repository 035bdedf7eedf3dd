"""What a recipe's splits are for."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from distil.framework.chat.section import Shots
from distil.framework.recipe.schema import Recipe
from distil.framework.teachers.chat import Chat
from distil.framework.training.section import Training

if TYPE_CHECKING:
    from distil.framework.data.load import Split
    from distil.framework.tasks.base import Task

_READ_ALONE = ("student.unlabelled[", "student.trim.splits[")  # where labels play no part


def examples_wanted(recipe: Recipe) -> dict[str, str]:
    """The splits whose examples are learnt, asked about or measured by, by the place that names each."""
    student = recipe.student
    wanted = {f"teachers.{name}.split": teacher.split for name, teacher in recipe.teachers.items() if teacher.fine_tune}
    wanted |= {f"teachers.{name}.examples.split": shots.split for name, shots in shown(recipe).items()}
    if student is not None:
        wanted["student.split"] = student.split
        wanted |= {f"student.unlabelled[{n}]": name for n, name in enumerate(student.unlabelled)}
        trimmed = student.trim.splits if student.trim is not None else None
        wanted |= {f"student.trim.splits[{n}]": name for n, name in enumerate(trimmed or ())}
    wanted["evaluation.split"] = recipe.evaluation.split
    validated = trainings(recipe).items()
    wanted |= {f"{place}.validation": one.validation for place, (one, _) in validated if one.validation is not None}
    if recipe.signals.held_out is not None:
        wanted["signals.held_out"] = recipe.signals.held_out
    return wanted


def prompts_wanted(recipe: Recipe) -> dict[str, str]:
    """The splits after whose prompts models write, by the place that names each."""
    student = recipe.student
    writing = {} if student is None else {"completions": student.completions, "rounds": student.rounds}
    return {
        f"student.{name}.of[{n}]": split
        for name, section in writing.items()
        if section is not None
        for n, split in enumerate(section.of)
    }


def prompts_alone(recipe: Recipe, also: frozenset[str] = frozenset()) -> frozenset[str]:
    """The splits of which nothing but prompts is wanted, so that they need no completions. also: such as are wanted beside the recipe."""
    return frozenset({*prompts_wanted(recipe).values(), *also} - set(examples_wanted(recipe).values()))


def shown(recipe: Recipe) -> Mapping[str, Shots]:
    """What teachers are shown before they are asked, by their names."""
    found = {name: teacher.examples for name, teacher in recipe.teachers.items() if isinstance(teacher, Chat)}
    return {name: shots for name, shots in found.items() if shots is not None}


def trainings(recipe: Recipe) -> dict[str, tuple[Training, str]]:
    """Every section of training settings with the split that is trained on, by place."""
    found = {
        f"teachers.{name}.fine_tune": (teacher.fine_tune, teacher.split)
        for name, teacher in recipe.teachers.items()
        if teacher.fine_tune is not None
    }
    return found | ({"student": (recipe.student, recipe.student.split)} if recipe.student is not None else {})


def learnt_splits(recipe: Recipe) -> list[str]:
    """The splits whose texts a teacher or the student is trained on, with or without labels."""
    unlabelled = recipe.student.unlabelled if recipe.student is not None else []
    return list(dict.fromkeys([*(split for _, split in trainings(recipe).values()), *unlabelled]))


def labels_unread(recipe: Recipe) -> frozenset[str]:
    """The splits of which labels teach nothing and measure nothing."""
    wanted = examples_wanted(recipe).items()
    counted = {split for place, split in wanted if not place.startswith(_READ_ALONE)}
    return frozenset({split for place, split in wanted if place.startswith(_READ_ALONE)} - counted)


def fitted_task(recipe: Recipe, data: Mapping[str, "Split"]) -> "Task":
    """The recipe's task with what its splits decide. Labels of those that the student learns without them alone decide nothing. Raises
    DataError."""
    unread = labels_unread(recipe)
    return recipe.task.fitted(
        {
            name: [one.without_label() for one in split.examples] if name in unread else split.examples
            for name, split in data.items()
        }
    )
