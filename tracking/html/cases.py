"""Examples that are shown: which are those on which the student and its teachers are not of one mind, and how texts stand there with
what models answered."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np

from distil.framework.language.words import Words
from distil.framework.segments import Floats

_LETTERS = 300  # characters of a text
SHOWN = 20  # examples at most
FEW = 10  # questions below which a group's figures say little

_Case = TypeVar("_Case")
_Other = TypeVar("_Other")
_Given = TypeVar("_Given", bound=Hashable)


@dataclass(frozen=True)
class Answer:
    """An answer, what it is worth in a word, and by whom it was given."""

    text: str
    worth: str
    models: str


@dataclass(frozen=True)
class TextCase:
    """The beginnings of a text, or of both of a pair; gold: the right answer; column: what answers' worth is called."""

    texts: list[str]
    gold: str
    answers: list[Answer]
    column: str


def text_case(texts: Sequence[str], gold: str, answers: Sequence[Answer], column: str) -> TextCase:
    """A text, or a pair of texts, with answers, of which beginnings are shown."""
    said = [replace(answer, text=_beginning(answer.text)) for answer in answers]
    return TextCase([_beginning(text) for text in texts], _beginning(gold), said, column)


def _beginning(text: str) -> str:
    return text if len(text) <= _LETTERS else f"{text[:_LETTERS].rsplit(maxsplit=1)[0]} …"


@dataclass(frozen=True)
class Cases(Generic[_Case]):
    """Cases of one kind: the title, how many examples are such, those that are shown, the clearest first."""

    title: str
    count: int
    shown: list[_Case]

    def map(self, made: "Callable[[_Case], _Other]") -> "Cases[_Other]":
        """The same with what is made of those that are shown."""
        return Cases(self.title, self.count, [made(one) for one in self.shown])


def first_shown(names: Iterable[str], roles: Mapping[str, str]) -> str | None:
    """The model that a figure of one alone is of: the student, or else the first."""
    names = list(names)
    return next((name for name in names if roles[name] == "student"), next(iter(names), None))


def alike(given: Mapping[str, _Given]) -> dict[_Given, list[str]]:
    """What models gave, by name, each once, with the names of those that gave it."""
    found: dict[_Given, list[str]] = {}
    for name, one in given.items():
        found.setdefault(one, []).append(name)
    return found


def cases_of(right: Sequence[Mapping[str, bool]], roles: Mapping[str, str], words: Words) -> list[Cases[int]]:
    """Numbers of the examples where the student is wrong and a teacher or the ensemble right, and the other way round.

    right: of every example which models are; roles: by model. None without a student or others to compare it with.
    """
    student = next((name for name, role in roles.items() if role == "student"), None)
    others = [name for name, role in roles.items() if role in ("teacher", "ensemble")]
    if student is None or not others or not right:
        return []

    def differing(found: Mapping[str, bool], student_right: bool) -> int:
        """How many others are right where the student is not, or wrong where it is right."""
        if found.get(student) != student_right:
            return 0
        return sum(found[name] != student_right for name in others if name in found)

    def clearest(student_right: bool) -> list[int]:
        counted = [(differing(found, student_right), number) for number, found in enumerate(right)]
        return [number for count, number in sorted(counted, key=lambda one: -one[0]) if count]

    worse, better = clearest(False), clearest(True)
    # Half of them each, or more where there are fewer of the others.
    shown = worse[: max(SHOWN // 2, SHOWN - len(better))]
    return [
        Cases(words("student wrong"), len(worse), shown),
        Cases(words("student right"), len(better), better[: SHOWN - len(shown)]),
    ]


def further_off(off: Mapping[str, Floats], roles: Mapping[str, str], titles: tuple[str, str]) -> list[Cases[int]]:
    """Numbers of the examples where the student is further off than all teachers and the ensemble, and the other way round, those with the
    greatest difference first, each under its title.

    off: by how much each model is, by example [n]; roles: by model. None without a student or others to compare it with.
    """
    student = next((name for name in off if roles[name] == "student"), None)
    others = [name for name in off if roles[name] in ("teacher", "ensemble")]
    if student is None or not others:
        return []
    beside = np.stack([off[name] for name in others])
    gaps = zip(titles, (off[student] - beside.max(0), beside.min(0) - off[student]), strict=True)
    return [
        Cases(
            title,
            int((gap > 0).sum()),
            [int(number) for number in np.argsort(-gap, kind="stable")[: SHOWN // 2] if gap[number] > 0],
        )
        for title, gap in gaps
    ]
