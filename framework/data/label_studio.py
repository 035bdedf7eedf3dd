"""Tasks as Label Studio exports them (JSON): who has marked what in a text."""

from collections.abc import Iterator
from typing import TypeGuard

from framework.data.records import shown
from framework.errors import DataError

_Object = dict[str, object]

_ANNOTATIONS = ("annotations", "completions")  # the latter until version 1.0


def is_task(item: object) -> TypeGuard[_Object]:
    """Whether this is a task of Label Studio."""
    return isinstance(item, dict) and isinstance(item.get("data"), dict) and any(name in item for name in _ANNOTATIONS)


def finished(task: _Object, place: str) -> Iterator[list[_Object]]:
    """The values of the regions that each finished annotation marks in the text. Raises DataError."""
    annotations = next(task[name] for name in _ANNOTATIONS if name in task)
    for one in _objects(annotations, place):
        if not one.get("was_cancelled"):
            values = [region.get("value") for region in _objects(one.get("result"), place)]
            yield [value for value in values if isinstance(value, dict) and {"start", "startOffset"} & value.keys()]


def _objects(value: object, place: str) -> list[_Object]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise DataError(f"{place}: annotations and their results must be lists of objects, found {shown(value)}")
    return value
