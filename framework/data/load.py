"""From the recipe's data section to examples."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from framework.data.example import Example, fingerprint
from framework.data.repair import repair_answers
from framework.data.row import Row
from framework.data.section import Cut, Data, Source
from framework.data.splits import cut_paragraphs, parse_slice
from framework.errors import DataError
from framework.progress import SILENT, Progress


@dataclass(frozen=True)
class Split:
    """The examples of one split, in the order of the source, and what became of its other rows.

    `repaired` counts questions of `examples` that had an answer moved or left out; `dropped` counts rows that
    gave no example: none of their answers occurs in the context, or they repeat another row. Hence
    ``len(examples) + dropped`` is the number of rows.
    """

    examples: list[Example]
    repaired: int
    dropped: int

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
        if not split.examples:
            raise DataError(
                f"the split '{name}': not one of its {split.dropped} questions has an answer in its context"
            )
        if split.repaired or split.dropped:
            progress.say(
                f"{name}: {len(split.examples)} questions, {split.repaired} with repaired answers, "
                f"{split.dropped} dropped"
            )
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
            rows[name] = readers[name]()
            if not rows[name]:
                raise DataError(f"the data's split '{name}' holds no question; expected at least one")
            task.advance()
    return rows


def _to_split(rows: list[Row], unanswerable: bool) -> Split:
    examples: dict[str, Example] = {}
    repaired = dropped = 0
    first: dict[str, Row] = {}
    for row in rows:
        earlier = first.setdefault(row.id, row)
        if earlier is not row:
            _refuse_contradiction(earlier, row)
            dropped += 1
            continue
        example, changed = to_example(row, unanswerable)
        if example is None:
            dropped += 1
        else:
            examples[row.id] = example
            repaired += changed
    return Split(list(examples.values()), repaired, dropped)


def _refuse_contradiction(earlier: Row, row: Row) -> None:
    if (earlier.context, earlier.question, earlier.answers) != (row.context, row.question, row.answers):
        raise DataError(f"{row.place}: the id '{row.id}' is taken by another question, at {earlier.place}")


def to_example(row: Row, unanswerable: bool) -> tuple[Example | None, bool]:
    """The example of a row, None if its answers do not occur; and whether any answer was moved or left out.

    No answers, or blank ones only, mean not answerable where `unanswerable` is part of the task, else
    unlabelled. Null answers always mean unlabelled.

    Raises:
        DataError: a blank context, or a mark of impossibility that contradicts the task or the answers.
    """
    if not row.context.strip():
        raise DataError(f"{row.place}: the context is blank")
    if row.impossible and not unanswerable:
        raise DataError(f"{row.place}: the question is marked is_impossible; set data.unanswerable: true")
    if row.impossible and row.answers and any(text.strip() for text, _ in row.answers):
        raise DataError(f"{row.place}: the question is marked is_impossible and yet has answers")
    if row.answers is None and not row.impossible:
        return Example(row.id, row.context, row.question, None), False
    if not any(text.strip() for text, _ in row.answers or ()):
        return Example(row.id, row.context, row.question, () if unanswerable else None), False
    result = repair_answers(row.context, row.answers or ())
    if not result.answers:
        return None, True
    return Example(row.id, row.context, row.question, result.answers), result.changed


def _emptiness(section: Data, name: str) -> str:
    if name in section.extra:
        return f"no row is in {section.extra[name].split}"
    if section.cut:
        return f"its share of {section.cut.shares[name]:g} is less than one paragraph of '{section.cut.split}'"
    return f"no row is in {section.splits[name]}"
