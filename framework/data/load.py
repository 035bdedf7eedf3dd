"""From the recipe's data section to examples."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from framework.data.example import Example, fingerprint
from framework.data.notes import DROPPED, Notebook, Notes, described
from framework.data.row import Row
from framework.data.section import Cut, Data, Source
from framework.data.splits import cut_paragraphs, parse_slice
from framework.errors import DataError
from framework.progress import SILENT, Progress
from framework.tasks.span_qa.joined import joined
from framework.tasks.span_qa.repair import repair_answers
from framework.tasks.span_qa.units import in_characters


@dataclass(frozen=True)
class Split:
    """The examples of one split, in the order of the source, and what was done to its rows."""

    examples: list[Example]
    notes: Notes = field(default_factory=dict)

    @property
    def repaired(self) -> int:
        """How many questions had an answer moved or left out."""
        return len(self.notes.get("repaired", ()))

    @property
    def dropped(self) -> int:
        """How many questions were left out, or stood in further rows that were."""
        return len({id for kind in DROPPED for id in self.notes.get(kind, ())})

    @cached_property
    def digest(self) -> str:
        """Fingerprint of the examples."""
        return fingerprint(self.examples)

    @property
    def unlabelled(self) -> int:
        """How many questions carry no label (not counting those labelled as unanswerable)."""
        return sum(example.answers is None for example in self.examples)


def load_data(section: Data, progress: Progress = SILENT) -> dict[str, Split]:
    """Read every split that the section names.

    Raises:
        DataError: data that cannot be had or read, or that is not in SQuAD form; the message names the place.
    """
    rows = _cut(section, progress) if section.cut else _slices(section.source, section.splits, progress)
    for name, extra in section.extra.items():
        rows |= _slices(extra.source, {name: extra.split}, progress)
    splits = {}
    for name, chosen in rows.items():
        if not chosen:
            raise DataError(f"the split '{name}' is empty; {_emptiness(section, name)}")
        split = splits[name] = _to_split(chosen, section.unanswerable)
        lines = described(split.notes)
        if not split.examples:
            raise DataError(f"the split '{name}': no question of it can be used; {'; '.join(lines)}")
        for line in lines:
            progress.say(f"{name}: {line}")
    return splits


def _slices(source: Source, splits: Mapping[str, str], progress: Progress) -> dict[str, list[Row]]:
    wanted = {name: parse_slice(text) for name, text in splits.items()}
    rows = _read(source, [part.split for part in wanted.values()], progress)
    return {
        name: [rows[part.split][index] for index in part.rows(len(rows[part.split]))] for name, part in wanted.items()
    }


def _cut(section: Data, progress: Progress) -> dict[str, list[Row]]:
    cut = section.cut
    assert isinstance(cut, Cut)
    rows = _read(section.source, [cut.split], progress)[cut.split]
    side = cut_paragraphs((row.context for row in rows), cut.shares, cut.seed)
    return {name: [row for row in rows if side.get(row.context) == name] for name in cut.shares}


def _read(source: Source, wanted: Iterable[str], progress: Progress) -> dict[str, list[Row]]:
    """The rows of the wanted splits of the source, each read once."""
    readers = source.readers(progress)
    names = list(dict.fromkeys(wanted))
    for name in names:
        if name not in readers:
            raise DataError(
                f"the data has no split '{name}'; it has: {', '.join(readers) or 'none'}. "
                "Name one of these in data.splits, or cut one by paragraph with data.cut"
            )
    rows = {}
    with progress.task("reading data", total=len(names), unit="splits") as task:
        for name in names:
            rows[name] = in_characters(joined(readers[name]()))
            if not rows[name]:
                raise DataError(f"the data's split '{name}' holds no question; expected at least one")
            task.advance()
    return rows


def _to_split(rows: list[Row], unanswerable: bool) -> Split:
    examples: list[Example] = []
    notebook = Notebook()
    first: dict[str, Row] = {}
    for row in rows:
        earlier = first.setdefault(row.id, row)
        if earlier is not row:
            raise DataError(f"{row.place}: the id '{row.id}' is taken by another question, at {earlier.place}")
        example = to_example(row, unanswerable, notebook)
        if example is not None:
            examples.append(example)
    return Split(examples, notebook.notes())


def to_example(row: Row, unanswerable: bool, notebook: Notebook) -> Example | None:
    """The example of a row, None if there is none in it; `notebook` takes what was done to it.

    A row gives none if its context or question is blank, if it has answers and none of them occurs, or if it is marked
    impossible where `unanswerable` is no part of the task. No answers, or blank ones only, mean not answerable where
    `unanswerable` is part of the task, else unlabelled. Null answers always mean unlabelled.

    Raises:
        DataError: a mark of impossibility that contradicts the answers.
    """
    for kind in row.notes:
        notebook.add(kind, row.id)
    labelled = any(text.strip() for text, _ in row.answers or ())
    if row.impossible and labelled:
        raise DataError(f"{row.place}: the question is marked is_impossible and yet has answers")
    if not row.context.strip() or not row.question.strip():
        notebook.add("blank", row.id)
        return None
    if row.impossible and not unanswerable:
        notebook.add("impossible", row.id)
        return None
    if not labelled:
        return _without_answer(row, unanswerable, notebook)
    result = repair_answers(row.context, row.answers or ())
    if not result.answers:
        notebook.add("absent", row.id)
        return None
    for kind in result.notes:
        notebook.add(kind, row.id)
    return Example(row.id, row.context, row.question, result.answers)


def _without_answer(row: Row, unanswerable: bool, notebook: Notebook) -> Example:
    known = row.impossible or (row.answers is not None and unanswerable)
    if row.answers == () and not known:
        notebook.add("empty", row.id)
    return Example(row.id, row.context, row.question, () if known else None)


def _emptiness(section: Data, name: str) -> str:
    if name in section.extra:
        return f"no row is in {section.extra[name].split}"
    if section.cut:
        return f"its share of {section.cut.shares[name]:g} is less than one paragraph of '{section.cut.split}'"
    return f"no row is in {section.splits[name]}"
