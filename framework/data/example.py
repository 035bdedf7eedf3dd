"""Examples, as far as all tasks have them in common, and notes on what was done to rows before they became examples."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

from distil.framework.data.records import OTHER_NAMES, shortened
from distil.framework.digest import digest_of_strings
from distil.framework.language.words import ENGLISH


class Row(Protocol):
    """An example as its source has it: well-typed, its label not checked yet."""

    @property
    def place(self) -> str:
        """Where it was read, for error messages."""

    @property
    def id(self) -> str:
        """Its name in its split."""

    @property
    def group(self) -> str:
        """See Example."""


class Example(Protocol):
    """One thing that models are trained or measured on."""

    @property
    def id(self) -> str:
        """Its name in its split."""

    @property
    def labelled(self) -> bool:
        """Whether it has a label."""

    @property
    def texts(self) -> tuple[str, ...]:
        """What a model reads: the same texts are the same example, whatever its id and label."""

    @property
    def group(self) -> str:
        """The text that it has in common with others: cuts and folds do not separate these."""

    @property
    def content(self) -> list[str]:
        """All of it, for digests."""

    def without_label(self) -> Self:
        """The same example, unlabelled."""


def why_unlabelled(examples: Iterable[Example]) -> str:
    """What the data lack for a label, as the end of a sentence, where a task's examples say it (`lacks`); else nothing."""
    lacks = next((found for example in examples if (found := getattr(example, "lacks", ""))), "")
    return f": {lacks}; {OTHER_NAMES}" if lacks else ""


def fingerprint(examples: Iterable[Example]) -> str:
    """Digest of the examples in their order: ids, texts, labels."""
    return digest_of_strings(part for example in examples for part in example.content)


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
    return [
        f"{ENGLISH.counted(items, len(found.ids))} {found.note.meaning}: {_listing(found.ids)}"
        for found in notes.values()
    ]


def counted(notes: Notes) -> dict[str, Any]:
    """For results.json: kind -> how many questions, what was done, and the first ten ids."""
    return {
        kind: {"questions": len(found.ids), "meaning": found.note.meaning, "first": list(found.ids[:_NAMED])}
        for kind, found in notes.items()
    }


def _listing(ids: tuple[str, ...]) -> str:
    return ", ".join(map(shortened, ids[:_NAMED])) + (", …" if len(ids) > _NAMED else "")
