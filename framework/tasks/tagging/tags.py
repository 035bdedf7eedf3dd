"""Tags: the schemes in which entities are written, what they become (BIO), and which tags may follow which."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Scheme = Literal["auto", "bio", "iob1", "iobes", "none"]

OUTSIDE = "O"
_ENTITY = re.compile(r"([BIESLU])(?:-(.*))?", re.DOTALL)
BEGINS, _ENDS = "BSU", "ELSU"  # S and U are entities of one word; L is what others call E


@dataclass(frozen=True)
class Entity:
    """An entity of a type: the units `start` to `end`, the latter not among them."""

    type: str
    start: int
    end: int


@dataclass(frozen=True)
class TagSet:
    """The tags of a task in their order: of `entities` O and, of every type, B- and I-, or else any names."""

    names: tuple[str, ...]
    entities: bool

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Of each tag, its number."""
        return {name: number for number, name in enumerate(self.names)}

    @cached_property
    def types(self) -> tuple[str, ...]:
        """The types of its entities; none of other tags."""
        return tuple(dict.fromkeys(name[2:] for name in self.names if name != OUTSIDE)) if self.entities else ()

    @cached_property
    def may_follow(self) -> NDArray[np.bool_]:
        """Whether the second tag may follow the first, [L + 1, L]; the last row is of a text's first tag."""
        befores = [*self.names, OUTSIDE]
        return np.asarray([[self._may_follow(before, name) for name in self.names] for before in befores])

    def _may_follow(self, before: str, name: str) -> bool:
        if not self.entities or not name.startswith("I"):
            return True
        return before != OUTSIDE and before[1:] == name[1:]


class TagSettings(Protocol):
    """What a task says of its tags, see Tagging."""

    @property
    def labels(self) -> Sequence[str] | None:
        """Their names in the data, in their order; None where nobody has said them yet."""

    @property
    def scheme(self) -> Scheme:
        """How they write entities."""

    @property
    def tag_set(self) -> TagSet:
        """What they become."""


def parts_of(tag: str) -> tuple[str, str] | None:
    """The letter and the type of an entity's tag, the latter blank where a tag is a letter alone; None of another tag."""
    found = _ENTITY.fullmatch(tag)
    return None if found is None else (found[1], found[2] or "")


def tag_of(letter: str, type: str) -> str:
    """The tag of these parts."""
    return f"{letter}-{type}" if type else letter


def recognised(sequences: Iterable[Sequence[str]]) -> Scheme:
    """The scheme in which all of these are written.

    none: there are other tags than O and those of entities; iobes: some end entities; iob1: entities begin with I-, and with B-
    only beside another of their type; else bio.
    """
    some_begin_with_i, b_is_beside = False, True
    ends = False
    for tags in sequences:
        before: str | None = None
        for tag in tags:
            parts = parts_of(tag)
            if parts is None and tag != OUTSIDE:
                return "none"
            letter, type = parts or (OUTSIDE, None)
            ends = ends or letter in _ENDS
            if letter == "I" and before != type:
                some_begin_with_i = True
            if letter == "B" and before != type:
                b_is_beside = False
            before = type
    if ends:
        return "iobes"
    return "iob1" if some_begin_with_i and b_is_beside else "bio"


def to_bio(tags: Sequence[str]) -> tuple[tuple[str, ...], bool]:
    """Entities of any scheme as BIO, and whether one began with another tag than B- or one that stands for it alone.

    What goes on with nothing begins anew, as conlleval and seqeval count it.
    """
    result, odd = [], False
    open_type: str | None = None
    for tag in tags:
        letter, type = parts_of(tag) or (OUTSIDE, "")
        if letter == OUTSIDE:
            result.append(OUTSIDE)
            open_type = None
            continue
        begins = letter in BEGINS or open_type != type
        odd = odd or (begins and letter not in BEGINS)
        result.append(tag_of("B" if begins else "I", type))
        open_type = None if letter in _ENDS else type
    return tuple(result), odd


def entities_of(tags: Sequence[str]) -> list[Entity]:
    """The entities of tags in BIO, in their order; an I- that follows nothing of its type begins one."""
    found: list[Entity] = []
    for place, tag in enumerate(tags):
        if tag == OUTSIDE:
            continue
        type = tag[2:]
        if tag.startswith("I") and found and found[-1].end == place and found[-1].type == type:
            found[-1] = Entity(type, found[-1].start, place + 1)
        else:
            found.append(Entity(type, place, place + 1))
    return found


@lru_cache(maxsize=64)
def tag_set(labels: tuple[str, ...], scheme: Scheme) -> TagSet:
    """The tags that a task's labels, of this scheme, become."""
    entities = scheme != "none" and all(label == OUTSIDE or parts_of(label) for label in labels)
    if not entities:
        return TagSet(labels, False)
    names = dict.fromkeys(_in_bio(label) for label in labels)
    types = dict.fromkeys(name[1:] for name in names if name != OUTSIDE)
    pairs = [f"{letter}{rest}" for rest in types for letter in "BI"]
    return TagSet(tuple(dict.fromkeys([*([] if OUTSIDE in names else [OUTSIDE]), *names, *pairs])), True)


def sorted_tags(tags: Iterable[str], scheme: Scheme = "auto") -> list[str]:
    """Tags in an order that depends on nothing else: O first, then by type; others, of the scheme `none` all, by name."""
    names = set(tags)
    if scheme == "none" or not all(name == OUTSIDE or parts_of(name) for name in names):
        return sorted(names)
    types = sorted({name[1:] for name in names if name != OUTSIDE})
    return [*([OUTSIDE] if names else []), *(f"{letter}{rest}" for rest in types for letter in "BI")]


def _in_bio(label: str) -> str:
    letter, type = parts_of(label) or (OUTSIDE, "")
    return label if letter == OUTSIDE else tag_of("B" if letter in BEGINS else "I", type)
