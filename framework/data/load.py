"""From the recipe's data section to examples."""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Protocol, Self

from distil.framework.data.column import Column
from distil.framework.data.example import Notebook, Notes, Row, described, fingerprint
from distil.framework.data.hub import Hub
from distil.framework.data.local_files import Files
from distil.framework.data.records import Fields, Source
from distil.framework.data.section import Cut, Data, cut_groups, parse_slice
from distil.framework.errors import DataError, MissingDataError
from distil.framework.language.words import count_of
from distil.framework.progress import SILENT, Progress
from distil.framework.tasks.base import Task

if TYPE_CHECKING:
    from distil.framework.tasks.base import Own, Task


class Dataset(Protocol):
    """Examples that are there, or will be once the stages that write them are made."""

    @property
    def identity(self) -> object:
        """What stands for it among the inputs of a stage: a digest, or keys of stages."""

    def read(self) -> "Split":
        """Its examples. Raises StoreError where they are not made, or damaged."""


@dataclass(frozen=True)
class Split:
    """The examples of one split, of their task's own kind, in the order of the source, and what was done to its rows. column: of a
    column that was asked for, values by id."""

    examples: Sequence[Any]
    notes: Notes = field(default_factory=dict)
    column: Mapping[str, str] = field(default_factory=dict)

    @property
    def repaired(self) -> int:
        """How many examples had a label moved or left out."""
        return len(self.notes["repaired"].ids) if "repaired" in self.notes else 0

    @property
    def dropped(self) -> int:
        """How many examples were left out, or stood in further rows that were."""
        return len({id for found in self.notes.values() if found.note.dropped for id in found.ids})

    @cached_property
    def digest(self) -> str:
        """Fingerprint of the examples."""
        return fingerprint(self.examples)

    @property
    def identity(self) -> str:
        """See Dataset."""
        return self.digest

    def read(self) -> Self:
        """See Dataset."""
        return self

    @property
    def unlabelled(self) -> int:
        """How many examples carry no label."""
        return sum(not example.labelled for example in self.examples)


@dataclass(frozen=True)
class Joined:
    """See Dataset: several as one."""

    parts: Sequence[Dataset]

    @property
    def identity(self) -> object:
        """See Dataset."""
        return [part.identity for part in self.parts]

    @cached_property
    def _whole(self) -> Split:
        found = [part.read() for part in self.parts]
        return Split([example for split in found for example in split.examples], found[0].notes)

    def read(self) -> Split:
        """See Dataset."""
        return self._whole


def load_data(
    section: Data,
    task: "Task",
    progress: Progress = SILENT,
    column: str | None = None,
    prompts: Set[str] = frozenset(),
    renames: bool = True,
    unread: Set[str] = frozenset(),
) -> dict[str, Split]:
    """Read every split that the section names. column: one of the data's that is wanted beside what the task asks for; prompts: splits
    of which nothing else is wanted, of a task whose models write; renames: see names_in_file; unread: splits of which labels play no part: where they
    are none of the task's, these are left out, which the progress is told.

    Raises:
        DataError: data that cannot be had or read, or that are not what the task asks for; the message names the place.
    """
    wanted = Column(column) if column is not None else None
    reading = _Reading(task, progress, wanted, prompts, renames, unread)
    rows = _cut(section, reading) if section.cut else _slices(section.source, section.splits, reading)
    for name, extra in section.extra.items():
        rows |= _slices(extra.source, {name: extra.split}, reading)
    splits = {}
    for name, chosen in rows.items():
        if not chosen:
            raise DataError(f"the split '{name}' is empty; {_emptiness(section, name)}")
        split = splits[name] = _to_split(chosen, task, wanted, name in prompts)
        lines = described(split.notes, task.items)
        if not split.examples:
            raise DataError(f"the split '{name}': none of its {task.items} can be used; {'; '.join(lines)}")
        for line in lines:
            progress.say(f"{name}: {line}")
    return splits


@dataclass(frozen=True)
class _Reading:
    task: "Task"
    progress: Progress
    column: Column | None
    prompts: Set[str]
    renames: bool
    unread: Set[str]

    def settled(self, split: str, rows: "list[Own]", unread: Callable[[Sequence[Row]], Set[int]]) -> list[Row]:
        """See Task.settle. unread: the rows whose labels play no part, by their numbers."""
        try:
            return self.task.settle(rows)
        except DataError as error:
            without = unread(rows)
            if not without or not all(hasattr(row, "without_label") for row in rows):  # rows may be no examples yet
                raise
            rows = [row.without_label() if number in without else row for number, row in enumerate(rows)]
            settled = self.task.settle(rows)  # which says what else there is
            self.progress.say(
                f"{split}: {error}; nothing is learnt from labels there or measured by them, and they are left out"
            )
            return settled


def _slices(source: Source, splits: Mapping[str, str], reading: _Reading) -> dict[str, list[Row]]:
    wanted = {name: parse_slice(text) for name, text in splits.items()}
    others = {part.split for name, part in wanted.items() if name not in reading.prompts}

    def unread(split: str, rows: Sequence[Row]) -> Set[int]:
        read = (
            part.rows(len(rows)) for name, part in wanted.items() if part.split == split and name not in reading.unread
        )
        return {*range(len(rows))}.difference(*read)

    rows = _read(source, [part.split for part in wanted.values()], reading, others, unread)
    return {
        name: [rows[part.split][index] for index in part.rows(len(rows[part.split]))] for name, part in wanted.items()
    }


def _cut(section: Data, reading: _Reading) -> dict[str, list[Row]]:
    cut = section.cut
    assert isinstance(cut, Cut)
    others = {cut.split} if set(cut.shares) - reading.prompts else set()

    def sides(rows: Sequence[Row]) -> Mapping[str, str]:
        return cut_groups((row.group for row in rows), cut.shares, cut.seed)

    def unread(_: str, rows: Sequence[Row]) -> Set[int]:
        side = sides(rows)
        return {number for number, row in enumerate(rows) if side.get(row.group) in (None, *reading.unread)}

    rows = _read(section.source, [cut.split], reading, others, unread)[cut.split]
    side = sides(rows)
    empty = next((name for name in cut.shares if name not in side.values()), None)
    if empty is not None:
        different = len({row.group for row in rows if row.group.strip()})
        raise DataError(
            f"the split '{empty}' is empty: '{cut.split}' has {count_of(different, 'different text')}, of which a share of "
            f"{cut.shares[empty]:g} is less than one (examples of one text, or of one prompt, stay together): add others, raise "
            f"the share, or give '{empty}' a file of its own"
        )
    return {name: [row for row in rows if side.get(row.group) == name] for name in cut.shares}


def _read(
    source: Source,
    wanted: Iterable[str],
    reading: _Reading,
    whole: Set[str],
    unread: Callable[[str, Sequence[Row]], Set[int]],
) -> dict[str, list[Row]]:
    """The rows of the wanted splits of the source, each read once. whole: those of which not only prompts are wanted; unread: see
    _Reading.settled."""
    task, column = reading.task, reading.column
    fields = Fields(
        (*task.fields, column.asked) if column is not None else task.fields, given_names(source), reading.renames
    )
    readers = source.readers(reading.progress, fields, task.formats)
    names = list(dict.fromkeys(wanted))
    for name in names:
        if name not in readers:
            raise DataError(
                f"the data has no split '{name}'; it has: {', '.join(readers) or 'none'}. "
                "Name one of these in data.splits, or cut one with data.cut"
            )
    found = {}
    with reading.progress.task("reading data", total=len(names), unit="splits") as bar:
        for name in names:
            fields.begin()
            records = readers[name]()
            read = task.rows if name in whole else task.prompt_rows
            rows = list(read(column.noted(records) if column is not None else records, fields))
            chosen = source.chosen(rows) if isinstance(source, Hub) else rows
            found[name] = reading.settled(name, chosen, partial(unread, name))
            if not found[name]:
                raise DataError(f"the data's split '{name}' holds no {task.items}; expected at least one")
            bar.advance()
    return found


def given_names(source: Source) -> Mapping[str, str]:
    """The names that a source gives to what its records hold."""
    return source.fields if isinstance(source, Hub | Files) else {}


def _to_split(rows: list[Row], task: "Task", column: Column | None, prompts: bool) -> Split:
    examples: list[Any] = []
    notebook = Notebook(task.notes)
    first: dict[str, Row] = {}
    for row in rows:
        earlier = first.setdefault(row.id, row)
        if earlier is not row:
            raise DataError(f"{row.place}: the id '{row.id}' is taken already, at {earlier.place}")
        example = task.prompt_of(row, notebook) if prompts else task.example(row, notebook)
        if example is not None:
            examples.append(example)
    values = {row.id: column.at(row.place) for row in rows} if column is not None else {}
    return Split(examples, notebook.notes(), values)


def _emptiness(section: Data, name: str) -> str:
    if name in section.extra:
        return f"no row is in {section.extra[name].split}"
    return f"no row is in {section.splits[name]}"


def load_split(data: Data, task: "Task", name: str, progress: Progress = SILENT) -> Split:
    """The split of this name, alone of all that the section names. Raises DataError as `load_data` does."""
    only, others = _only(data, name), frozenset(data.names) - {name}
    try:
        return load_data(only, task, progress, unread=others)[name]
    except MissingDataError:  # which nobody has to wait for twice
        raise
    except DataError:  # its labels may be among those that were left out
        return load_data(only, task, progress, unread=others | {name})[name]


def unchanged_split(data: Data, task: Task, name: str, digest: str, progress: Progress = SILENT) -> Split:
    """`load_split`. Raises DataError if its digest is another one now, and as that does."""
    split = load_split(data, task, name, progress)
    if split.digest != digest:
        raise DataError(
            f"the data has changed since the run: its split '{name}' holds other {task.items} or labels now; bring the data "
            "back, or run the recipe again"
        )
    return split


def _only(data: Data, split: str) -> Data:
    """The data of one split; a cut makes all of its splits."""
    if split in data.extra:
        extra = data.extra[split]
        return Data(source=extra.source, splits={split: extra.split})
    splits = {} if data.cut is not None else {split: data.splits[split]}
    return data.model_copy(update={"splits": splits, "extra": {}})
