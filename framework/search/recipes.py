"""The recipes of a search: what it demands of its own, those of its trials, and the one that is left when it is over."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from distil.framework.config import nearest_hint, shortened
from distil.framework.errors import RecipeError, UserError
from distil.framework.language.words import count_of
from distil.framework.recipe.checks import recipe_of
from distil.framework.recipe.paths import NoPlace, set_at
from distil.framework.recipe.schema import Recipe
from distil.framework.search.section import NoScheduler, Search

_FIXED = {
    "name": "all trials belong to one search",
    "description": "it changes nothing",
    "output": "all trials share one store",
    "storage": "all trials share one store",
    "rehearse": "it is no part of a trial",
    "tracking": "all trials belong to one search",
    "search": "a search does not vary itself",
    "baselines": "trials train no baselines",
    "evaluation": "trials could not be compared",
    "signals.mode": "a search collects signals once, before its trials",
    "seed": "set `search.seeds`, or draw `student.seed`",
    "engine.workers": "all trials have the same number",
}


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


def variants(recipe: Recipe) -> Iterator[Recipe]:
    """The recipe itself, and with each value of its `edges` alone."""
    yield recipe
    yield from (varied(recipe, {place: value}) for place, value in edges(recipe))


def most_epochs(recipe: Recipe) -> int:
    """Epochs of the longest trial, rounds on a student's own texts included."""
    students = [variant.student for variant in variants(recipe)]
    return max(student.all_epochs for student in students if student is not None)


def search_problems(recipe: Recipe) -> list[str]:
    """Why the recipe cannot be searched, in words; it is sound without its search."""
    search = recipe.search
    if search is None:
        return []
    if recipe.student is None:
        return ["`search` is for a student, and there is none: add `student`, or drop it"]
    problems = _metric_problems(recipe, search) + _settings_problems(recipe, search) + _place_problems(search)
    return problems or _value_problems(recipe) or _scheduler_problems(recipe, search)


def check_models_of_trials(recipe: Recipe) -> None:
    """Refuse values with which models cannot be built, each by itself. Raises UserError, naming place and value."""
    from distil.framework.device import resolve_precision
    from distil.framework.stages.planned import check_models

    for place, value in edges(recipe):
        variant = varied(recipe, {place: value})
        try:
            check_models(variant)
            resolve_precision(variant.engine.precision)
        except UserError as error:
            raise RecipeError(f"search.space, {place} = {value!r}: {error}") from None


def _metric_problems(recipe: Recipe, search: Search) -> list[str]:
    # Students have the primary one always; what else a model may lack, no training measures.
    legal = [metric.name for metric in recipe.task.metrics if metric.primary or not metric.optional]
    if search.metric in legal:
        return []
    if search.metric in [metric.name for metric in recipe.task.metrics]:
        return [
            f"search.metric: '{search.metric}' is not measured on the way, by which trials are compared: take {' or '.join(legal)}"
        ]
    hint = nearest_hint(search.metric, legal)
    return [f"search.metric: the task {recipe.task.kind} has no metric '{shortened(search.metric)}'; {hint}"]


def _settings_problems(recipe: Recipe, search: Search) -> list[str]:
    problems = []
    if recipe.signals.mode == "streamed":
        problems.append("signals.mode: a search collects signals once, before its trials: drop 'streamed'")
    if search.latency and not recipe.evaluation.latency_questions:
        problems.append("search.latency: evaluation.latency_questions is 0, so that none is measured: raise it")
    gpus = search.resources.gpus
    if gpus is not None and gpus % 1 and recipe.engine.workers not in (1, "auto"):
        problems.append("search.resources.gpus: only trials of one worker can share a GPU; give a whole number")
    if search.seeds > 1 and any(place in ("student", "student.seed") for place in search.space):
        problems.append("search.seeds: the space draws the student's seed; drop one of them")
    return problems


def _place_problems(search: Search) -> list[str]:
    problems = []
    for place in search.space:
        if not all(place.split(".")):
            problems.append(f"search.space: '{place}' is no place; expected one such as student.lr")
        for fixed, reason in _FIXED.items():
            if place == fixed or place.startswith(f"{fixed}.") or fixed.startswith(f"{place}."):
                problems.append(f"search.space.{place} cannot be varied: {reason}")
    return problems


def _value_problems(recipe: Recipe) -> list[str]:
    problems = []
    for place, value in edges(recipe):
        try:
            varied(recipe, {place: value})
        except RecipeError as error:
            problems.append(str(error).replace("\n", "; "))
    return problems


def _scheduler_problems(recipe: Recipe, search: Search) -> list[str]:
    if isinstance(search.scheduler, NoScheduler):
        return []
    epochs = most_epochs(recipe)
    if search.scheduler.grace >= epochs:
        return [
            f"search.scheduler: no trial lasts longer than {count_of(epochs, 'epoch')}, so that with `grace` {search.scheduler.grace} "
            "none could be stopped early; lower `grace`, or drop the scheduler"
        ]
    return []
