"""Texts, or pairs of texts, with a label, several labels or a number."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from distil.framework.config import nearest_hint
from distil.framework.data.example import Note, Notebook, why_unlabelled
from distil.framework.data.records import Fields, Record, is_label_studio, is_missing, shortened, shown, text_of
from distil.framework.errors import DataError
from distil.framework.language.words import count_of
from distil.framework.tasks.classification.labels import (
    MINUS_ONE,
    is_number,
    label_of,
    labels_of,
    labels_of_columns,
    number_of,
    written_twice,
)
from distil.framework.tasks.classification.settings import ClassificationSettings, asked_fields
from distil.framework.tasks.label_names import by_names, names_in_file
from distil.framework.tasks.spelling import spelt_otherwise, spelt_twice

NOTES: Mapping[str, Note] = {"blank": Note("left out, as they have no text", dropped=True)}

_FEW = 20  # so few labels may each occur once in a sample
Gold = tuple[str, ...] | float  # names of labels (of a text with a single label, one), or a number


@dataclass(frozen=True, slots=True)
class Text:
    """A text, or a pair of texts; as a row of the data its labels have not been looked at yet. gold: None if unlabelled; lacks: which
    field is not there to have one, in words."""

    place: str
    id: str
    text: str
    pair: str | None
    gold: Gold | None
    lacks: str = field(default="", compare=False)

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of its labels, none if it is unlabelled or has a number."""
        return self.gold if isinstance(self.gold, tuple) else ()

    @property
    def labelled(self) -> bool:
        """Whether it has a label, or is known to have none of several."""
        return self.gold is not None

    @property
    def texts(self) -> tuple[str, ...]:
        """The text, and the second of a pair."""
        return (self.text,) if self.pair is None else (self.text, self.pair)

    @property
    def group(self) -> str:
        """What belongs together in folds and cuts: one text, whatever it is paired with."""
        return self.text

    @property
    def content(self) -> list[str]:
        """All that counts, the id first."""
        gold = (
            ["unlabelled"]
            if self.gold is None
            else ["number", repr(self.gold)]
            if isinstance(self.gold, float)
            else ["labels", *self.gold]
        )
        return [self.id, str(len(self.texts)), *self.texts, *gold]

    def without_label(self) -> "Text":
        """The same text, unlabelled."""
        return replace(self, gold=None)


def read_rows(task: ClassificationSettings, records: Iterable[Record], fields: Fields) -> Iterator[Text]:
    """Texts as the records have them. Raises DataError, which names the place."""
    for number, record in enumerate(records):
        values, place = record.values, record.place
        if not isinstance(values, dict):
            raise DataError(f"{place}: expected an object with text and label, found {shown(values)}")
        if is_label_studio(values) and "text" not in fields.given:
            raise DataError(
                f"{place}: a task of Label Studio, whose labels are within its annotations: export it as JSON-MIN or CSV, and name the column "
                "of the choice in `fields` of the data's source, as {label: sentiment}"
            )
        id = fields.optional(values, "id", place)
        pair = None if task.pairs is False else _pair(task, values, fields, place)
        gold = None if _is_rejected(values) else _gold(task, record, fields)
        yield Text(
            place=place,
            id=str(number) if is_missing(id) else str(id),
            text=_text(fields.required(values, "text", place), "text", place),
            pair=pair,
            gold=gold,
            lacks=fields.absent.get(fields.asked[-1].name, "") if gold is None else "",
        )


def _pair(task: ClassificationSettings, values: dict[str, object], fields: Fields, place: str) -> str | None:
    found = (fields.required if task.pairs else fields.optional)(values, "text_pair", place)
    return None if is_missing(found) and not task.pairs else _text(found, "text_pair", place)


def record_of(task: ClassificationSettings, text: Text) -> dict[str, object]:
    """A text as a record's values."""
    values: dict[str, object] = {"id": text.id, "text": text.text}
    if text.pair is not None:
        values["text_pair"] = text.pair
    if not isinstance(text.gold, tuple):
        return values | ({} if text.gold is None else {"value": text.gold})
    if task.problem_type == "single_label":
        return {**values, "label": text.gold[0]}
    if task.label_columns:
        return {**values, **{label: int(label in text.gold) for label in task.labels or ()}}
    return {**values, "labels": list(text.gold) if task.separator is None else task.separator.join(text.gold)}


def without_minus_one(task: ClassificationSettings, rows: list[Text]) -> list[Text]:
    """The rows of a split of which all labels are -1, as unlabelled ones. Raises DataError where only some are, and the recipe
    does not say whether that is a label."""
    if task.problem_type != "single_label" or task.labels is not None:
        return rows
    marked = [row for row in rows if row.gold == MINUS_ONE]
    labelled = sum(row.gold is not None for row in rows)
    if marked and len(marked) < labelled:
        raise DataError(
            f"{marked[0].place}: {len(marked)} of {labelled} labels are -1; if that is a label, name all of them in task.labels, or "
            "else leave it blank in texts without one"
        )
    return [row.without_label() if row.gold == MINUS_ONE else row for row in rows]


def pairs_of(splits: Mapping[str, Sequence[Text]]) -> bool | None:
    """Whether all texts are pairs, or none is; None if some are. Raises DataError where one split has them, and another none."""
    shares = {name: {text.pair is not None for text in texts} for name, texts in splits.items() if texts}
    paired, single = ([name for name, found in shares.items() if found == {kind}] for kind in (True, False))
    if paired and single:
        raise DataError(
            f"the texts of split '{paired[0]}' are pairs, and those of split '{single[0]}' are not; is the column `text_pair` there, "
            "by that name or by one that `fields` gives? task.pairs: false leaves it unread"
        )
    found = set().union(*shares.values())
    return found.pop() if len(found) == 1 else None


def check_labels(task: ClassificationSettings, rows: Sequence[Text]) -> None:
    """Refuse labels that the recipe does not name, and numbers outside of its range. Raises DataError, which counts the labels
    and names the first place."""
    if task.range is not None:
        low, high = task.range
        wrong = next((row for row in rows if isinstance(row.gold, float) and not low <= row.gold <= high), None)
        if wrong is not None:
            raise DataError(f"{wrong.place}: the value {wrong.gold:g} is outside of task.range, {low:g} to {high:g}")
    if task.labels is None:
        return
    known = set(task.labels)
    unknown = Counter(label for row in rows if isinstance(row.gold, tuple) for label in row.gold if label not in known)
    if unknown:
        first = next(row for row in rows if isinstance(row.gold, tuple) and not known.issuperset(row.gold))
        (label, _), *_ = unknown.most_common(1)
        found = ", ".join(f"'{shortened(name)}' ({count})" for name, count in unknown.most_common(5))
        raise DataError(
            f"{first.place}: {count_of(unknown.total(), 'label')} not in task.labels: {found}; "
            f"{spelt_otherwise(label, task.labels) or nearest_hint(label, list(task.labels))}"
        )


def usable(row: Text, notebook: Notebook) -> Text | None:
    """The example of a row; none, which is noted, where there is nothing to read."""
    if all(text.strip() for text in row.texts):
        return row
    notebook.add("blank", row.id)
    return None


def decided_by(task: ClassificationSettings, texts: Sequence[Text]) -> dict[str, object]:
    """What all texts of a run decide: `labels`, sorted, whole numbers as such, else by name; or the `range` of their numbers.

    Raises DataError if these are fewer than two, or if each text has a label of its own.
    """
    other = f"are they in the field `{asked_fields(task)[-1].name}`? `fields` of the data's source gives other names"
    if not any(text.labelled for text in texts):
        other = why_unlabelled(texts).removeprefix(": ") or other
    if task.problem_type == "regression":
        numbers = sorted({text.gold for text in texts if isinstance(text.gold, float)})
        if len(numbers) < 2:
            raise DataError(f"the data have {f'only the number {numbers[0]:g}' if numbers else 'no number'}; {other}")
        return {"range": [numbers[0], numbers[-1]]}
    found = {label for text in texts if isinstance(text.gold, tuple) for label in text.gold}
    labels = sorted(found, key=lambda label: (0, int(label), label) if is_number(label) else (1, 0, label))
    if said := spelt_twice(labels) or written_twice(labels):
        raise DataError(f"the data's label {said}")
    if len(labels) < 2:
        only = f"only the label '{labels[0]}'" if labels else "no label"
        raise DataError(
            f"the data have {only}; expected at least two: {other}, and task.labels names labels that do not occur"
        )
    different = {text.texts for text in texts if isinstance(text.gold, tuple)}
    if task.problem_type == "single_label" and len(labels) >= max(_FEW, len(different)):
        raise DataError(
            f"the data have {len(labels)} labels for {len(different)} different texts, such as '{shortened(labels[0])}', and nothing "
            f"can be learnt of labels that never come again: {other}"
        )
    return {"labels": labels}


def _text(value: object, name: str, place: str) -> str:
    """Text, of which a missing value has none."""
    return "" if is_missing(value) else text_of(value, name, place)


def _is_rejected(values: Mapping[str, object]) -> bool:
    """Whether this was annotated by Prodigy, and not accepted: who rejects a label says nothing of the right one."""
    return "_task_hash" in values and values.get("answer", "accept") != "accept"


def _gold(task: ClassificationSettings, record: Record, fields: Fields) -> Gold | None:
    values, place = record.values, record.place
    if task.problem_type == "regression":
        return number_of(fields.optional(values, "value", place), place)
    if task.problem_type == "single_label":
        names = names_in_file(task.labels, fields.named_numbers(record, "label"), fields.renames)
        found = by_names(fields.optional(values, "label", place), names)
        if isinstance(found, list) and len(found) <= 1 and not any(isinstance(one, list | dict) for one in found):
            found = found[0] if found else None  # as tools for several labels write one
        label = label_of(found, task.labels, place)
        return None if label is None else (label,)
    if task.label_columns:
        columns = {label: fields.optional(values, label, place) for label in task.labels or ()}
        without = [label for label in columns if not fields.find(values, label)[0]]
        if 0 < len(without) < len(columns):
            raise fields.missing(values, without[0], place)
        return labels_of_columns(columns, place)
    names = names_in_file(task.labels, fields.named_numbers(record, "labels"), fields.renames)
    return labels_of(by_names(fields.optional(values, "labels", place), names), task, place)
