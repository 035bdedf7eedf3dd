"""From records to texts with units and tags."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from distil.framework.config import nearest_hint
from distil.framework.data.example import Note, Notebook, why_unlabelled
from distil.framework.data.records import (
    OTHER_NAMES,
    Asked,
    Fields,
    Record,
    finished_annotations,
    is_label_studio,
    is_missing,
    listed,
    shortened,
    shown,
    text_of,
)
from distil.framework.errors import DataError
from distil.framework.language.words import count_of
from distil.framework.tasks.label_names import names_in_file
from distil.framework.tasks.spelling import spelt_otherwise, spelt_twice
from distil.framework.tasks.tagging.example import Span, Tagged, joined, places_in, words_of
from distil.framework.tasks.tagging.records import marked_in, says_of_region, tags_of
from distil.framework.tasks.tagging.tags import OUTSIDE, TagSettings, parts_of, recognised, sorted_tags, to_bio

FIELDS = (
    Asked("tokens", ("tokens", "words"), required=False, structured=True),
    Asked("tags", ("tags", "ner_tags", "labels"), required=False, structured=True),
    Asked("text", required=False),
    Asked("spans", ("spans", "entities", "label", "labels"), required=False, structured=True),
    Asked("id", required=False),
)
NOTES: Mapping[str, Note] = {
    "blank": Note("left out, as they have no words", dropped=True),
    "repaired": Note("with an entity that began with I-, and now begins with B-"),
    "widened": Note("with an entity that ended within a word, and now takes the whole of it"),
    "overlapping": Note("with entities that overlap longer ones, and were left out"),
    "empty": Note("with entities that hold no word, and were left out"),
}


def read_rows(task: TagSettings, records: Iterable[Record], fields: Fields) -> Iterator[Tagged]:
    """Texts as the records have them: words, or a text with spans. Raises DataError, which names the place."""
    for number, record in enumerate(records):
        values, place = record.values, record.place
        if not isinstance(values, dict):
            raise DataError(
                f"{place}: expected an object with tokens and tags, or text and spans, found {shown(values)}"
            )
        if is_label_studio(values):
            regions, data = next(finished_annotations(values, place), None), values["data"]
            spans = None if regions is None else [one for one in regions if not says_of_region(one)]
            assert isinstance(data, dict)
            values = {"id": values.get("id"), **data, "spans": spans}
        id = fields.optional(values, "id", place)
        names = names_in_file(task.labels, fields.named_numbers(record, "tags"), fields.renames) or task.labels
        row = _row(names, values, fields, place)
        yield replace(row, id=str(number) if is_missing(id) else str(id))


def settled(task: TagSettings, rows: Sequence[Tagged]) -> list[Tagged]:
    """The rows with tags in BIO, whatever scheme they are in, as only all of them tell. Raises DataError."""
    labelled = [row for row in rows if row.tags is not None]
    scheme = recognised(row.tags for row in labelled if row.tags) if task.scheme == "auto" else task.scheme
    if scheme != "none":
        rows = [row if row.tags is None else _in_bio(row, scheme) for row in rows]
    _check_names(task, rows)
    return list(rows)


def usable(row: Tagged, notebook: Notebook) -> Tagged | None:
    """The example of a row; none, which is noted, where there is no word."""
    if all(not row.text[begin:end].strip() for begin, end in row.units):
        notebook.add("blank", row.id)
        return None
    for kind in row.notes:
        notebook.add(kind, row.id)
    return replace(row, notes=())


def record_of(example: Tagged) -> dict[str, object]:
    """A text as a record's values."""
    tokens = [{"start": begin, "end": end} for begin, end in example.units]
    tags = None if example.tags is None else list(example.tags)
    return {"id": example.id, "text": example.text, "tokens": tokens, "tags": tags}


def decided_by(task: TagSettings, examples: Sequence[Tagged]) -> dict[str, object]:
    """What all texts of a run decide: `labels`. Raises DataError if these are fewer than two."""
    found = sorted_tags({tag for example in examples for tag in example.tags or ()}, task.scheme)
    if said := spelt_twice(found):
        raise DataError(f"the data's tag {said}")
    if len(found) < 2:
        asked = "are they in the field `tags`, or `spans`? `fields` of the data's source gives other names"
        asked = (not found and why_unlabelled(examples).removeprefix(": ")) or asked
        raise DataError(
            f"the data have {f'only the tag {found[0]}' if found else 'no tags'}; expected at least two: {asked}, and task.labels names "
            "tags that do not occur"
        )
    return {"labels": found}


def _row(names: Sequence[str] | None, values: dict[str, object], fields: Fields, place: str) -> Tagged:
    """names: of the numbers that tags may be."""
    tokens = fields.optional(values, "tokens", place)
    text = fields.optional(values, "text", place)
    if tokens is None and text is None:
        raise fields.missing(values, "tokens", place)
    if tokens is None or is_missing(tokens):
        written = "" if is_missing(text) else text_of(text, "text", place)
        units = words_of(written)
    else:
        written, units = _words(tokens, text, place)
    tags = _tags(names, values, fields, place) if tokens is not None else None
    if tags is not None:
        if len(tags) != len(units):
            raise DataError(
                f"{place}: {count_of(len(tags), 'tag')} of {count_of(len(units), 'token')}; each token has one"
            )
        return Tagged(place, "", written, units, tags)
    entities, spans = None, _spans(values, fields, place)
    if spans and isinstance(text, str) and text != written:
        raise DataError(
            f"{place}: the text, in which the spans count characters, is not its tokens with white space between; give the tokens' start "
            "and end, too, or leave them out"
        )
    accepted = values.get("answer", "accept") == "accept"  # Prodigy's; who rejects one says nothing of the right one
    if spans is not None and accepted:
        entities = marked_in(spans, written, place)
    if entities is None:
        if spans is None and is_missing(tokens):
            _check_no_tags(values, fields, place)
        lacks = fields.absent.get("spans" if tokens is None else "tags", "")
        return Tagged(place, "", written, units, None, lacks=lacks)
    return Tagged(place, "", written, units, *tags_of(units, entities))


def _spans(values: dict[str, object], fields: Fields, place: str) -> list[object] | None:
    """Entities as they are marked; None where there are none. Raises DataError for what is no list of such, as what other tasks call so."""
    spans = fields.optional(values, "spans", place)
    if is_missing(spans):
        return None
    if isinstance(spans, list) and all(isinstance(one, list | dict) for one in spans):
        return spans
    called, hint = fields.called(values, "spans"), ""
    if isinstance(spans, str | int | float):
        hint = "; one label for a whole text is learnt by task kind classification"
    elif isinstance(spans, list) and fields.find(values, "tokens")[0]:
        hint = f"; if each token has its tag there, say so by `fields` of the data's source (tags: {called})"
    elif isinstance(spans, list):
        hint = "; tags of words need these words, too"
    raise DataError(
        f"{place}: '{called}' is {shown(spans)}; for tagging, expected a list of the text's entities there, [start, end, type] each, or "
        f"else words in `tokens` with a tag for each in `tags`{hint}"
    )


def _check_no_tags(values: dict[str, object], fields: Fields, place: str) -> None:
    """Refuse tags of words where a text is not cut into words. What else is called so, such as what a text is about, is not read."""
    tags = fields.find(values, "tags")[1]
    said = tags.split() if isinstance(tags, str) else tags
    if not isinstance(said, list):
        return
    if len(said) == len(str(fields.find(values, "text")[1]).split()) > 1 or any(map(_is_of_a_word, said)):
        raise DataError(
            f"{place}: '{fields.called(values, 'tags')}' is {shown(tags)}, and there are no words whose tags these are; for tagging, "
            f"expected a list of words in `tokens`, with a tag for each, or entities in `spans` (found: {listed(values)}); {OTHER_NAMES}"
        )


def _is_of_a_word(tag: object) -> bool:
    return isinstance(tag, int) or tag == OUTSIDE or (isinstance(tag, str) and tag[1:2] == "-" and tag[0] in "BIESLU")


def _words(tokens: object, text: object, place: str) -> tuple[str, tuple[Span, ...]]:
    """Words, which stand in the text if they make it up, or objects that say where they do."""
    if not isinstance(tokens, list):
        raise DataError(f"{place}: tokens must be a list, found {shown(tokens)}")
    if not any(isinstance(one, dict) for one in tokens):
        words = [text_of(one, "a token", place) for one in tokens]
        places = places_in(text, words) if isinstance(text, str) else None
        return joined(words) if places is None else (text_of(text, "text", place), places)
    written = text_of(text, "text", place)
    units: list[Span] = []
    for one in tokens:
        begin, end = (one.get("start"), one.get("end")) if isinstance(one, dict) else (None, None)
        least = units[-1][1] if units else 0
        if not isinstance(begin, int) or not isinstance(end, int) or not least <= begin <= end <= len(written):
            raise DataError(
                f"{place}: a token must say its start and end in the text, after those before it; found {shown(one)}"
            )
        units.append((begin, end))
    return written, tuple(units)


def _tags(names: Sequence[str] | None, values: dict[str, object], fields: Fields, place: str) -> tuple[str, ...] | None:
    """A tag for each word, by name; None where there are none, or spans instead."""
    found = fields.optional(values, "tags", place)
    if is_missing(found):
        return None
    if not isinstance(found, list):
        raise DataError(f"{place}: tags must be a list, found {shown(found)}")
    if found and all(isinstance(one, list | dict) for one in found):  # spans may be called labels, too
        return None
    return tuple(_name(one, names, place) for one in found)


def _name(value: object, names: Sequence[str] | None, place: str) -> str:
    """A tag's name: the value itself, or the one of that number."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        if names is None:
            raise DataError(
                f"{place}: the tags are numbers, such as {value}; name them, in their order, in task.labels"
            )
        if not 0 <= value < len(names):
            raise DataError(f"{place}: there is no tag number {value}: {len(names)} are named, from 0 on")
        return names[value]
    name = text_of(value, "a tag", place).strip()
    if not name:
        raise DataError(f"{place}: a tag is blank; write {OUTSIDE} for a word outside of entities")
    return name


def _in_bio(row: Tagged, scheme: str) -> Tagged:
    assert row.tags is not None
    for tag in row.tags:
        parts = parts_of(tag)
        if (parts is None and tag != OUTSIDE) or (parts is not None and scheme != "iobes" and parts[0] not in "BI"):
            raise DataError(
                f"{row.place}: '{shortened(tag)}' is no tag of the scheme {scheme}; correct it, or set task.scheme"
            )
    tags, odd = to_bio(row.tags)
    return replace(row, tags=tags, notes=(*row.notes, "repaired") if odd and scheme != "iob1" else row.notes)


def _check_names(task: TagSettings, rows: Sequence[Tagged]) -> None:
    """Refuse tags that the recipe does not name. Raises DataError, which counts them and names the first place."""
    if task.labels is None:
        return
    known = task.tag_set.numbers
    unknown = Counter(tag for row in rows for tag in row.tags or () if tag not in known)
    if unknown:
        first = next(row for row in rows if row.tags is not None and not known.keys() >= set(row.tags))
        ((tag, _), *_) = unknown.most_common(1)
        found = ", ".join(f"'{shortened(name)}' ({count})" for name, count in unknown.most_common(5))
        raise DataError(
            f"{first.place}: {count_of(unknown.total(), 'tag')} not in task.labels: {found}; "
            f"{spelt_otherwise(tag, known) or nearest_hint(tag, list(known))}"
        )
