"""Examples for the page: a few texts of the data on which models were measured."""

from collections.abc import Sequence

from distil.framework.data.load import load_split
from distil.framework.errors import UserError
from distil.framework.files import Json
from distil.framework.recipe.schema import Recipe
from distil.framework.tasks.base import Own, Task

_SHOWN = 5
_LONGEST = 1_200  # characters of an example's texts, where there are any so short


def examples_of(recipe: Recipe, task: Task) -> list[Json]:
    """Requests of the task, from all over the recipe's evaluation split; none where its data cannot be had any more, or hold
    nothing that the task could be asked."""
    try:
        examples = load_split(recipe.data, recipe.task, recipe.evaluation.split).examples
    except UserError:
        return []
    found = [request for example in examples if (request := _request(task, example)) is not None]
    short = [request for request in found if sum(map(len, request.values())) <= _LONGEST]
    return _spread(short or sorted(found, key=lambda request: sum(map(len, request.values())))[:_SHOWN])


def _request(task: Task, example: Own) -> Json | None:
    """What a model would be asked about an example; None where its record lacks any of it, or has nothing to ask."""
    record, fields = task.record(example), task.request.model_fields
    request = {name: record[name] for name in fields if isinstance(record.get(name), str)}
    needed = {name for name, field in fields.items() if field.is_required()}
    return request if request and needed <= set(request) else None


def _spread(found: Sequence[Json]) -> list[Json]:
    count = min(_SHOWN, len(found))
    return [found[number * len(found) // count] for number in range(count)]
