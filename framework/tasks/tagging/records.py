"""The forms in which tagged texts come: columns of CoNLL, and entities that are marked in a text by characters, as Label Studio,
doccano and Prodigy export them."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from distil.framework.data.records import Record, shown
from distil.framework.errors import DataError
from distil.framework.language.words import count_of
from distil.framework.tasks.tagging.example import Span
from distil.framework.tasks.tagging.tags import OUTSIDE, tag_of

_UNIVERSAL = ("ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC")  # of CoNLL-U
_DOCUMENT = "-DOCSTART-"
_SAID = re.compile(r"#\s*(id\s|newdoc|newpar|[\w.]+\s*=)")  # what comments say: `# text = …`, `# id 12`
_PART_OF_WORD = re.compile(r"\d+[-.]\d+")  # numbers of CoNLL-U for words of several, and for those that are not there

Line = tuple[int, list[str]]


def read_conll(text: str, place: str) -> Iterator[Record]:
    """The sentences of a text. Columns are cut by tabs if most lines have one, else by blanks.

    A record has `tokens`, the first column, `tags`, the last one of several, and each column by its number from 0 on, and
    from the end from -1 on. Lines of -DOCSTART- and comments are left out: lines with # at the beginning of a sentence that
    say what comments say, or have other columns than the rest. Raises DataError, which names the line.
    """
    columns = _Columns(text)
    for sentence in _sentences(text, columns, place):
        rows = [cells for _, cells in sentence]
        by_number = [list(column) for column in zip(*rows, strict=True)]
        values: dict[str, object] = {str(number): column for number, column in enumerate(by_number)}
        values |= {str(number - len(by_number)): column for number, column in enumerate(by_number)}
        values["tokens"] = by_number[0]
        if len(by_number) > 1:
            values["tags"] = by_number[-1]
        yield Record(f"{place}: line {sentence[0][0]}", values)


def read_conllu(text: str, place: str) -> Iterator[Record]:
    """The sentences of a text in CoNLL-U, or CoNLL-U Plus, which names its columns: each column by its name, words as
    `tokens` and parts of speech (UPOS) as `tags`. Raises DataError, which names the line."""
    named = re.search(r"^# global\.columns = (.+)$", text, re.MULTILINE)
    names = tuple(named[1].split()) if named is not None else _UNIVERSAL
    for sentence in _sentences(text, _Columns(text, "\t", len(names)), place):
        rows = [cells for _, cells in sentence if names[0] != "ID" or not _PART_OF_WORD.fullmatch(cells[0])]
        values: dict[str, object] = {
            name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)
        }
        for asked, name in (("tokens", "FORM"), ("tags", "UPOS")):
            if name in values:
                values[asked] = values[name]
        yield Record(f"{place}: line {sentence[0][0]}", values)


class _Columns:
    """How the lines of a text are cut, and into how many cells."""

    def __init__(self, text: str, separator: str | None = None, count: int | None = None) -> None:
        lines = [line for line in text.split("\n") if line.strip() and not _is_document(line)]
        lines = [line for line in lines if not line.startswith("#")] or lines  # comments, mostly
        tabs = separator is not None or sum("\t" in line.strip() for line in lines) * 2 >= len(lines) > 0
        self._separator = re.compile("\t" if tabs else "[ \t]+")
        counts = Counter(len(self.cells(line)) for line in lines)
        self.count = count or (counts.most_common(1)[0][0] if counts else 0)

    def cells(self, line: str) -> list[str]:
        line = line.rstrip("\r")
        return self._separator.split(line if self._separator.pattern == "\t" else line.strip(" \t"))


def _sentences(text: str, columns: _Columns, place: str) -> Iterator[list[Line]]:
    sentence: list[Line] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or _is_document(line):
            if sentence:
                yield sentence
            sentence = []
            continue
        cells = columns.cells(line)
        if not sentence and _is_comment(line, cells, columns.count):
            continue
        if len(cells) != columns.count:
            raise DataError(
                f"{place}: line {number}: {count_of(len(cells), 'column')}, and other lines have {columns.count}; a sentence ends with a blank line"
            )
        sentence.append((number, cells))
    if sentence:
        yield sentence


def _is_document(line: str) -> bool:
    """Whether a document begins here; its other columns may be cut otherwise."""
    return line.split(maxsplit=1)[0] == _DOCUMENT


def _is_comment(line: str, cells: list[str], count: int) -> bool:
    return line.startswith("#") and (len(cells) != count or _SAID.match(line) is not None)


_STARTS = ("start", "start_offset", "begin", "startOffset")
_ENDS = ("end", "end_offset", "endOffset")
_TYPES = ("label", "labels", "type", "tag", "entity_type", "entity")
_OF_REGIONS = {"choices", "taxonomy", "rating", "number", "datetime"}


@dataclass(frozen=True)
class Marked:
    """An entity: characters [start, end) of the text, and the text itself where its source gives it."""

    start: int
    end: int
    type: str
    text: str | None = None


def says_of_region(value: Mapping[str, object]) -> bool:
    """Whether a region of Label Studio has no type, and only says something of one that is marked beside: a choice, a rating, a note."""
    return not value.keys() & {*_TYPES} and bool(_OF_REGIONS & value.keys() or isinstance(value.get("text"), list))


def marked_in(spans: list[object], text: str, place: str) -> list[Marked]:
    """The entities of a record, each [start, end, type] or an object.

    Offsets count characters (code points), or UTF-16 units where that is what puts an entity's text in its place. Raises
    DataError.
    """
    return [_in_place(_marked(one, place), text, place) for one in spans]


def tags_of(units: tuple[Span, ...], entities: list[Marked]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Tags of the units, in BIO, and kinds of notes. Of entities that overlap the longest stays."""
    tags, notes = [OUTSIDE] * len(units), []
    taken = [False] * len(units)
    for entity in sorted(entities, key=lambda one: (one.start - one.end, one.start)):
        inside = [n for n, (begin, end) in enumerate(units) if begin < entity.end and end > entity.start]
        if not inside:
            notes.append("empty")
            continue
        if any(taken[n] for n in inside):
            notes.append("overlapping")
            continue
        if units[inside[0]][0] < entity.start or units[inside[-1]][1] > entity.end:
            notes.append("widened")
        for n in inside:
            taken[n] = True
            tags[n] = tag_of("B" if n == inside[0] else "I", entity.type)
    return tuple(tags), tuple(dict.fromkeys(notes))


def _marked(value: object, place: str) -> Marked:
    if isinstance(value, list) and len(value) == 3:
        return Marked(_offset(value[0], place), _offset(value[1], place), _type(value[2], place))
    if not isinstance(value, dict):
        raise DataError(f"{place}: a span must be [start, end, type] or an object, found {shown(value)}")
    offsets = value.get("globalOffsets")
    where = offsets if isinstance(offsets, dict) else value
    text = value.get("text")
    return Marked(
        _offset(_first(where, _STARTS), place),
        _offset(_first(where, _ENDS), place),
        _type(_first(value, _TYPES), place),
        text if isinstance(text, str) else None,
    )


def _in_place(entity: Marked, text: str, place: str) -> Marked:
    if entity.text is not None and text[entity.start : entity.end] != entity.text:
        begin, end = (_characters(text, offset) for offset in (entity.start, entity.end))
        if text[begin:end] == entity.text:
            return Marked(begin, end, entity.type)
        raise DataError(
            f"{place}: the entity {shown(entity.text)} does not stand at {entity.start}:{entity.end} of the text"
        )
    if not 0 <= entity.start <= entity.end <= len(text):
        raise DataError(
            f"{place}: a span {entity.start}:{entity.end} is outside of a text of {count_of(len(text), 'character')}"
        )
    return entity


def _characters(text: str, units: int) -> int:
    """How many characters the first UTF-16 units of a text are."""
    return len(text.encode("utf-16-le")[: 2 * max(units, 0)].decode("utf-16-le", "ignore"))


def _first(value: Mapping[str, object], names: tuple[str, ...]) -> object:
    return next((value[name] for name in names if name in value), None)


def _offset(value: object, place: str) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise DataError(f"{place}: a span's start and end must be whole numbers, found {shown(value)}")
    return value


def _type(value: object, place: str) -> str:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{place}: a span must have one type, found {shown(value)}")
    return value.strip()
