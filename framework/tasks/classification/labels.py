"""Labels and numbers as people's data write them."""

import math
from collections.abc import Mapping, Sequence

from distil.framework.data.records import is_missing, shown, text_of
from distil.framework.errors import DataError
from distil.framework.tasks.classification.settings import ClassificationSettings

MINUS_ONE = ("-1",)  # by which published test splits say that a text's label is kept back

_TRUTH = {"true": "1", "false": "0"}
_LISTED = (
    "a list names the labels that a text has, and does not say 0 or 1 of each: write their names or numbers, or columns with "
    "task.label_columns"
)


def label_of(value: object, labels: Sequence[str] | None, place: str) -> str | None:
    """A label's name: the value itself or, where the recipe names labels, the one of that number, and none of -1."""
    if is_missing(value):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, str | int):
        hint = {list: "multi_label", float: "regression"}.get(type(value))
        other = f"; that is for task.problem_type: {hint}" if hint else ""
        if isinstance(value, list) and value and all(isinstance(one, list | dict) for one in value):
            other = "; entities that are marked in a text are learnt by task kind tagging"
        raise DataError(f"{place}: a label must be a name or a whole number, found {shown(value)}{other}")
    name = text_of(str(int(value)) if isinstance(value, bool) else str(value).strip(), "label", place)
    if name == "" or (labels is not None and name in MINUS_ONE and name not in labels):
        return None
    if labels is not None and name not in labels:
        number = _number_in(name)
        if number in labels:
            return number
        if number is not None and int(number) < len(labels):
            return labels[int(number)]
    return name


def written_twice(labels: Sequence[str]) -> str | None:
    """Two labels that are one, which data write as 1, 1.0 or True, or as true and TRUE, in words; None where there are none."""
    first: dict[str, str] = {}
    for label in labels:
        other = first.setdefault(_number_in(label) or label, label)
        if other != label:
            return (
                f"'{label}' is also written '{other}': write it in one way, or name all labels in task.labels, in the order of their "
                "numbers, by which true is 1 and false 0"
            )
    return None


def _number_in(text: str) -> str | None:
    """The whole number in a table's cell, which pandas also writes as 1.0 or True; None where there is another text."""
    text = _TRUTH.get(text.lower(), text).removesuffix(".0")
    return text if is_number(text) else None


def is_number(text: str) -> bool:
    """Whether digits count as a whole number; Python reads none of thousands of them."""
    return text.isdecimal() and len(text) <= 100


def labels_of(value: object, task: ClassificationSettings, place: str) -> tuple[str, ...] | None:
    """Names of several labels, once each; None where nothing is said. Raises DataError, as all of these do, which names the place."""
    if is_missing(value):
        return None
    if isinstance(value, str):
        if task.separator is None:
            raise DataError(
                f"{place}: labels must be a list, found the text {shown(value)}; if one text names several, set task.separator"
            )
        value = [part for part in value.split(task.separator) if part.strip()]
    if not isinstance(value, list):
        raise DataError(f"{place}: labels must be a list, found {shown(value)}")
    if any(isinstance(one, bool) for one in value):
        raise DataError(f"{place}: labels holds true or false, found {shown(value)}; {_LISTED}")
    twice = next((one for one in value if not isinstance(one, str) and value.count(one) > 1), None)
    if twice is not None and len(value) == len(task.labels or value):
        raise DataError(f"{place}: labels names {shown(twice)} more than once; {_LISTED}")
    names = [label_of(one, task.labels, place) for one in value]
    none = set(MINUS_ONE).difference(task.labels or ())
    return tuple(dict.fromkeys(name for name in names if name is not None and name not in none))


def labels_of_columns(values: Mapping[str, object], place: str) -> tuple[str, ...] | None:
    """Names of the labels whose columns hold 1."""
    if all(is_missing(value) or value == "" for value in values.values()):
        return None
    names = []
    for label, value in values.items():
        number = number_of(_TRUTH.get(value.lower(), value) if isinstance(value, str) else value, place)
        if number not in (0.0, 1.0):
            raise DataError(f"{place}: the column of the label '{label}' must hold 0 or 1, found {shown(value)}")
        if number:
            names.append(label)
    return tuple(names)


def number_of(value: object, place: str) -> float | None:
    """A finite number; None where nothing is said."""
    if is_missing(value) or value == "":
        return None
    try:
        number = float(value) if isinstance(value, str | int | float) else math.nan
    except (ValueError, OverflowError):  # a whole number may be of any size
        number = math.nan
    if not math.isfinite(number):
        raise DataError(f"{place}: expected a finite number, found {shown(value)}")
    return number
