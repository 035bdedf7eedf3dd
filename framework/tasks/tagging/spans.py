"""Entities that are marked in a text by characters, as Label Studio, doccano and Prodigy export them."""

from collections.abc import Mapping
from dataclasses import dataclass

from framework.data.records import is_missing, shown
from framework.errors import DataError
from framework.tasks.tagging.example import Span
from framework.tasks.tagging.tags import OUTSIDE, tag_of

_STARTS = ("start", "start_offset", "begin", "startOffset")
_ENDS = ("end", "end_offset", "endOffset")
_TYPES = ("label", "labels", "type", "tag", "entity_type", "entity")


@dataclass(frozen=True)
class Marked:
    """An entity: characters [start, end) of the text, and the text itself where its source gives it."""

    start: int
    end: int
    type: str
    text: str | None = None


def marked_in(value: object, text: str, place: str) -> list[Marked] | None:
    """The entities of a record: a list of [start, end, type] or of objects; None where there is no value.

    Offsets count characters (code points), or UTF-16 units where that is what puts an entity's text in its place. Raises
    DataError.
    """
    if is_missing(value):
        return None
    if not isinstance(value, list):
        raise DataError(f"{place}: spans must be a list, found {shown(value)}")
    return [_in_place(_marked(one, place), text, place) for one in value]


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
        raise DataError(f"{place}: a span {entity.start}:{entity.end} is outside of a text of {len(text)} characters")
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
