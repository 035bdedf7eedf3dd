"""The recipes of a search: those of its trials, and the one that is left when it is over."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from framework.errors import RecipeError
from framework.recipe.checks import recipe_of
from framework.recipe.paths import NoPlace, set_at
from framework.recipe.schema import Recipe


def varied(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """The recipe with `values` at their places and without its search. Raises RecipeError if it is refused."""
    plain = recipe.resolved()
    plain["search"] = None
    if plain["engine"]["workers"] == "auto":
        plain["engine"]["workers"] = 1  # `auto` would count the GPUs of whoever asks
    origin = "search.space" + "".join(f", {place} = {value!r}" for place, value in values.items())
    for place, value in values.items():
        try:
            set_at(plain, place, copy.deepcopy(value))
        except NoPlace as error:
            raise RecipeError(f"{origin}: {error}") from None
    return recipe_of(plain, lambda place: origin)


def trial_recipe(recipe: Recipe, values: Mapping[str, Any], place: int) -> Recipe:
    """What a trial runs: the student alone, watched while it is trained. place: of its seed among the trial's seeds."""
    plain = varied(recipe, values).resolved()
    plain["baselines"] = []
    plain["evaluation"]["during_training"] = True
    if place:
        seed = plain["student"]["seed"]
        plain["student"]["seed"] = (plain["seed"] if seed is None else seed) + place
    return recipe_of(plain, lambda place: "search")


def edges(recipe: Recipe) -> Iterator[tuple[str, Any]]:
    """Each place with every value that decides whether the recipe takes all that may be drawn there."""
    search = recipe.search
    assert search is not None
    for place, drawn in search.distributions.items():
        yield from ((place, value) for value in drawn.edges())


def most_epochs(recipe: Recipe) -> int:
    """Epochs of the longest training among the trials."""
    students = [recipe.student, *(varied(recipe, {place: value}).student for place, value in edges(recipe))]
    return max(student.epochs for student in students if student is not None)
