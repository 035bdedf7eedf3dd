"""Records as a source has them, and where they hold what a task asks for; no task has looked at them yet."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Protocol, TypeGuard

from pydantic import BeforeValidator, Field

from distil.framework.config import nearest_hint
from distil.framework.errors import DataError
from distil.framework.progress import Progress

OTHER_NAMES = "`fields` of the data's source, or --field of `distil evaluate`, gives other names"
_Object = dict[str, object]

_ANNOTATIONS = ("annotations", "completions")  # the latter until version 1.0


@dataclass(frozen=True, slots=True)
class Record:
    """One item of a source. `place` says where it was read (file and index or line), for error messages; `values` are an
    object's fields as a rule: a task refuses what else it finds there. classes: by field the names of numbers in it, where the
    source names them."""

    place: str
    values: Any
    classes: Mapping[str, Sequence[str]] = field(default_factory=dict)


def text_of(value: object, name: str, place: str) -> str:
    """`value` if it is text that UTF-8 can hold. Raises DataError, which names `place`."""
    if not isinstance(value, str):
        raise DataError(f"{place}: {name} must be text, found {shown(value)}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"{place}: {name} holds half of a surrogate pair at character {error.start}: take it out"
        ) from None
    return value


def is_missing(value: object) -> bool:
    """Whether this is null, or NaN, which pandas writes for it."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def shown(value: object) -> str:
    """A value as messages show it."""
    return shortened(repr(value))


def listed(names: Iterable[object]) -> str:
    """Names of fields or columns as messages list them: some of them, where there are many."""
    texts = [shortened(str(name)) for name in names]
    return ", ".join(texts[:20]) + (f" and {len(texts) - 20} more" if len(texts) > 20 else "") or "none"


def shortened(text: str) -> str:
    """The text, or the beginning of a long one."""
    return text if len(text) <= 60 else text[:57] + "..."


def _given(value: Any) -> Any:
    """An earlier version wrote null for every name that a recipe did not give."""
    return {key: name for key, name in value.items() if name is not None} if isinstance(value, dict) else value


FieldNames = Annotated[
    dict[str, Annotated[str, Field(min_length=1)]],
    BeforeValidator(_given),
    Field(description="other names of fields or columns; `a.b` is the field b of the object a"),
]


@dataclass(frozen=True)
class Asked:
    """What a task asks a record for. name: as `fields` of a recipe calls it.

    names: under which data have it by default, of which the first that is there counts (default: `name`); required:
    whether a record has to have it; unless: another field, with which it need not; structured: whether a table's cell may
    hold a list or an object; hint: what to do where it is missing.
    """

    name: str
    names: tuple[str, ...] = ()
    required: bool = True
    unless: str = ""
    structured: bool = False
    hint: str = ""


@dataclass(frozen=True)
class Fields:
    """What a task asks for, and the names that a recipe gives. renames: whether its labels may rename those of a file. While a split is read, table: all columns of its table, if it is one;
    absent: of what need not be there, and was not, the first place without it, in words, by the task's name."""

    asked: tuple[Asked, ...]
    given: Mapping[str, str] = field(default_factory=dict)
    renames: bool = True
    table: list[str] = field(default_factory=list, compare=False)
    absent: dict[str, str] = field(default_factory=dict, compare=False)

    def begin(self) -> None:
        """Forget the split that was read before."""
        self.table.clear()
        self.absent.clear()

    def names_of(self, name: str) -> tuple[str, ...]:
        """All names that the records may have for what a task calls `name`."""
        return (self.given[name],) if name in self.given else self._asked(name).names or (name,)

    def called(self, record: Mapping[str, object], name: str) -> str:
        """What a record calls it, if it is there."""
        names = self.names_of(name)
        return next((there for there in names if lookup(record, there)[0]), names[0])

    def named_numbers(self, record: Record, name: str) -> Sequence[str] | None:
        """The names that a record's source gives to the numbers in what a task calls `name`; None if it gives none."""
        if not record.classes or not isinstance(record.values, dict):
            return None
        there = next((there for there in self.names_of(name) if lookup(record.values, there)[0]), None)
        return None if there is None else record.classes.get(there)

    def find(self, record: dict[str, Any], name: str) -> tuple[bool, Any]:
        """Whether a record has it, and what."""
        for there in self.names_of(name):
            found, value = lookup(record, there)
            if found:
                return True, value
        return False, None

    def required(self, record: dict[str, Any], name: str, place: str) -> Any:
        """What a record has there. Raises DataError, which lists the fields that are there."""
        found, value = self.find(record, name)
        if not found:
            raise self.missing(record, name, place)
        return value

    def optional(self, record: dict[str, Any], name: str, place: str) -> Any:
        """The same, None where nothing is there and the recipe names no field. Raises as `required` does."""
        if name in self.given:
            return self.required(record, name, place)
        found, value = self.find(record, name)
        if not found:
            there = listed(self.table or record)
            self.absent.setdefault(name, f"{place} has no field '{self.names_of(name)[0]}' (found: {there})")
        return value

    def missing(self, record: dict[str, Any], name: str, place: str) -> DataError:
        """The error that lists the fields that are there."""
        hint = f"; {self._asked(name).hint}" if self._asked(name).hint and name not in self.given else ""
        return no_field(self.table or record, self.names_of(name)[0], place, hint)

    def renamed(self, **names: str | None) -> "Fields":
        """The same with other names; None for the task's own."""
        given = {**self.given, **names}
        return replace(self, given={name: to for name, to in given.items() if to is not None})

    def structured(self) -> set[str]:
        """Names of all that may be a list or an object."""
        return {there for asked in self.asked if asked.structured for there in self.names_of(asked.name)}

    def columns(self, there: list[str], place: str) -> list[str]:
        """Of the columns that are there, those that are needed.

        Raises:
            DataError: such a column is not there, or there twice; the message lists those that are.
        """
        self.table[:] = there
        found = {asked.name: self._column(asked.name, there) for asked in self.asked}
        for asked in self.asked:
            needed = asked.required and not (asked.unless and found[asked.unless] is not None)
            if found[asked.name] is None and (needed or asked.name in self.given):
                name = self.names_of(asked.name)[0]
                raise DataError(f"{place}: no column '{name}' (found: {listed(there)}); {OTHER_NAMES}")
        columns = [column for column in dict.fromkeys(found.values()) if column is not None]
        twice = next((name for name in columns if there.count(name) > 1), None)
        if twice is not None:
            raise DataError(f"{place}: two columns are called '{twice}'; rename or drop one (found: {listed(there)})")
        return columns

    def problems(self, place: str) -> list[str]:
        """Names that the task does not ask for, in words."""
        legal = [asked.name for asked in self.asked]
        return [
            f"{place}: unknown key '{name}'; {nearest_hint(name, legal)}" for name in self.given if name not in legal
        ]

    def _asked(self, name: str) -> Asked:
        return next(asked for asked in self.asked if asked.name == name)

    def _column(self, name: str, there: list[str]) -> str | None:
        names = [column for one in self.names_of(name) for column in (one, one.partition(".")[0])]
        return next((one for one in names if one in there), None)


def lookup(record: Mapping[str, Any], name: str) -> tuple[bool, Any]:
    """Whether a record has the field, and its value: of that very name, or else by a path such as a.b."""
    if name in record:
        return True, record[name]
    first, dot, rest = name.partition(".")
    inner = record.get(first)
    return lookup(inner, rest) if dot and isinstance(inner, dict) else (False, None)


def no_field(record: Iterable[str], name: str, place: str, hint: str = "") -> DataError:
    """The error of a record without a field, which lists those that are there."""
    return DataError(f"{place}: no field '{name}'{hint} (found: {listed(record)}); {OTHER_NAMES}")


Readers = dict[str, Callable[[], Iterator[Record]]]
"""What a source offers: for each of its splits, a function that reads it."""

Formats = Mapping[str, Callable[[str, str], Iterator[Record]]]
"""A task's own text formats: by extension, such as .conll, the records of a text that was read at a place."""


class Source(Protocol):
    """A recipe's source of data."""

    @property
    def kind(self) -> str:
        """The name under which recipes know it."""

    def readers(self, progress: Progress, fields: Fields, formats: Formats) -> Readers:
        """A function for each split that reads it."""

    def model_dump(self, *, mode: str = "python") -> dict[str, Any]:
        """Its settings as plain data (pydantic gives it)."""


def is_label_studio(item: object) -> TypeGuard[_Object]:
    """Whether this is a task of Label Studio."""
    return isinstance(item, dict) and isinstance(item.get("data"), dict) and any(name in item for name in _ANNOTATIONS)


def annotated_by(task: Mapping[str, object]) -> Iterator[tuple[str, _Object]]:
    """What was said in a task of Label Studio that has been annotated, as far as it is in form: the control by which, and the value."""
    for name in _ANNOTATIONS:
        annotations = task.get(name)
        for one in annotations if isinstance(annotations, list) else []:
            regions = one.get("result") if isinstance(one, dict) else None
            for region in regions if isinstance(regions, list) else []:
                if isinstance(region, dict) and isinstance(region.get("value"), dict):
                    yield str(region.get("from_name", "")), region["value"]


def is_region(value: Mapping[str, object]) -> bool:
    """Whether what was said in Label Studio is about a part of the text, not all of it."""
    return bool({"start", "startOffset"} & value.keys())


def finished_annotations(task: _Object, place: str) -> Iterator[list[_Object]]:
    """The values of the regions that each finished annotation marks in the text. Raises DataError."""
    annotations = next(task[name] for name in _ANNOTATIONS if name in task)
    for one in _objects(annotations, place):
        if not one.get("was_cancelled"):
            values = [region.get("value") for region in _objects(one.get("result"), place)]
            yield [value for value in values if isinstance(value, dict) and is_region(value)]


def _objects(value: object, place: str) -> list[_Object]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise DataError(f"{place}: annotations and their results must be lists of objects, found {shown(value)}")
    return value
