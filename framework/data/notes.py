"""What was done to the rows of a split before they became examples, by kind, with the ids of their questions."""

from collections.abc import Mapping
from typing import Any

from framework.data.row import shortened

Notes = Mapping[str, tuple[str, ...]]
"""Kind, one of MEANINGS, -> ids of the questions concerned, in the order of the source."""

MEANINGS = {
    "blank": "left out, as context or question is blank",
    "impossible": "left out, as they are marked impossible and data.unanswerable is false",
    "absent": "left out, as none of their answers occurs in the context",
    "repaired": "with an answer that was moved to where it occurs, or left out",
    "nearest": "with an answer that was moved to the nearest of several places where it occurs",
    "respelled": "with an answer in the context's spelling, which differs in case, spaces, accents, signs or HTML",
    "utf16": "with offsets that count UTF-16 units, as all of the source's do",
    "utf8": "with offsets that count UTF-8 bytes, as all of the source's do",
    "crlf": "with offsets that count CRLF as one character, as all of the source's do",
    "bom": "with offsets that leave out the context's byte-order mark, as all of the source's do",
    "repeated": "written more than once, taken once",
    "joined": "written in several rows with an answer each, which were joined",
    "empty": "unlabelled, as their list of answers is empty and data.unanswerable is false",
    "first_of_several": "labelled where their answer, which has no offset, occurs first of several times",
}

DROPPED = ("blank", "impossible", "absent", "repeated")
"""Kinds of rows that gave no example."""

_NAMED = 10


class Notebook:
    """Collects notes while rows are read."""

    def __init__(self) -> None:
        self._ids: dict[str, dict[str, None]] = {}

    def add(self, kind: str, id: str) -> None:
        """Note under `kind`, one of MEANINGS, a question; once is enough."""
        self._ids.setdefault(kind, {})[id] = None

    def notes(self) -> Notes:
        """What was noted, in the order of MEANINGS."""
        return {kind: tuple(self._ids[kind]) for kind in MEANINGS if kind in self._ids}


def described(notes: Notes) -> list[str]:
    """A line for each kind: how many questions, what was done, and the first ten ids."""
    return [f"{len(ids)} questions {MEANINGS[kind]}: {_listing(ids)}" for kind, ids in notes.items()]


def counted(notes: Notes) -> dict[str, Any]:
    """For results.json: kind -> how many questions, and the first ten ids."""
    return {kind: {"questions": len(ids), "first": list(ids[:_NAMED])} for kind, ids in notes.items()}


def _listing(ids: tuple[str, ...]) -> str:
    return ", ".join(map(shortened, ids[:_NAMED])) + (", …" if len(ids) > _NAMED else "")
