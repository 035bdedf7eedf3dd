"""What was done to the rows of a split before they became examples, by kind, with the ids concerned."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from framework.data.records import shortened


@dataclass(frozen=True, slots=True)
class Note:
    """A kind of note. meaning: what was done, said of several examples; dropped: whether such rows gave no example."""

    meaning: str
    dropped: bool = False


@dataclass(frozen=True, slots=True)
class Noted:
    """A kind of note, and the ids of the examples concerned, in the order of the source."""

    note: Note
    ids: tuple[str, ...]


Notes = Mapping[str, Noted]

_NAMED = 10


class Notebook:
    """Collects notes of the given kinds while rows are read."""

    def __init__(self, kinds: Mapping[str, Note]) -> None:
        self._kinds = kinds
        self._ids: dict[str, dict[str, None]] = {}

    def add(self, kind: str, id: str) -> None:
        """Note an example under a kind; once is enough."""
        self._ids.setdefault(kind, {})[id] = None

    def notes(self) -> Notes:
        """What was noted, in the order of the kinds."""
        return {kind: Noted(note, tuple(self._ids[kind])) for kind, note in self._kinds.items() if kind in self._ids}


def described(notes: Notes, items: str) -> list[str]:
    """A line for each kind: how many `items`, what was done, and the first ten ids."""
    return [f"{len(found.ids)} {items} {found.note.meaning}: {_listing(found.ids)}" for found in notes.values()]


def counted(notes: Notes) -> dict[str, Any]:
    """For results.json: kind -> how many questions, what was done, and the first ten ids."""
    return {
        kind: {"questions": len(found.ids), "meaning": found.note.meaning, "first": list(found.ids[:_NAMED])}
        for kind, found in notes.items()
    }


def _listing(ids: tuple[str, ...]) -> str:
    return ", ".join(map(shortened, ids[:_NAMED])) + (", …" if len(ids) > _NAMED else "")
