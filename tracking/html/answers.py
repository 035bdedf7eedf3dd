"""What the models of a run were measured on, and what each of them answered."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from distil.framework.data.load import unchanged_split
from distil.framework.errors import DataError, first_line
from distil.framework.files import read_json
from distil.framework.outcome import RunResults
from distil.framework.recipe.load import untracked_recipe
from distil.framework.tasks.base import Examples, Own, Task
from distil.framework.tasks.registry import task_of

_Answer = TypeVar("_Answer")


def task_in(results: RunResults) -> Task:
    """The run's task, fitted to its data. Raises UserError for a recipe that is legal no more."""
    return task_of(results, untracked_recipe(results["recipe"], "recipe.yaml").task)


def labelled_examples(results: RunResults) -> Examples:
    """The labelled examples of the run's evaluation split.

    Raises UserError where data or recipe cannot be had any more as the run had them.
    """
    recipe = untracked_recipe(results["recipe"], "recipe.yaml")
    split = recipe.evaluation.split
    found = unchanged_split(recipe.data, recipe.task, split, results["data"]["splits"][split]["digest"])
    return [example for example in found.examples if example.labelled]


def answers_in(
    folder: Path, results: RunResults, examples: Examples, read: Callable[[Own, Own], _Answer]
) -> dict[str, list[_Answer]]:
    """What all models that were measured answered, by name. read: makes an answer of an example and its prediction.

    Raises DataError for a damaged file.
    """
    return {
        model["name"]: _answers(folder / model["predictions"], examples, read)
        for model in results["models"]
        if model["predictions"] and (folder / model["predictions"]).is_file()
    }


def _answers(path: Path, examples: Examples, read: Callable[[Own, Own], _Answer]) -> list[_Answer]:
    try:
        predictions = read_json(path)
        return [read(example, predictions[example.id]) for example in examples]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is damaged ({first_line(error)}); run the recipe again to write it anew") from None
