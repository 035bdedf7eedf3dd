"""Questions on which the student and its teachers are not of one mind."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tracking.html.differing import Cases, cases_of
from tracking.html.questions import Answered, Question

_AROUND = 80  # characters shown on either side of a span
_WORD = 20  # characters by which a part may grow so as not to cut a word
_BEGINNING = 240  # characters shown of a text without spans


@dataclass(frozen=True)
class Span:
    """`text[start:end]` by somebody's name."""

    name: str
    start: int
    end: int


@dataclass(frozen=True)
class Piece:
    """A text, and the names of the spans that it is part of."""

    text: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """A part of the text, in pieces; before, after: whether the text goes on there."""

    pieces: list[Piece]
    before: bool
    after: bool


def excerpt(text: str, spans: Sequence[Span]) -> list[Part]:
    """The parts of `text` around `spans` (not empty ones), in order; without spans, its beginning."""
    wide = [(span.start - _AROUND, span.end + _AROUND) for span in spans] or [(0, _BEGINNING)]
    parts: list[tuple[int, int]] = []
    for start, end in sorted((_begin(text, start), _finish(text, end)) for start, end in wide):
        if parts and start <= parts[-1][1]:
            parts[-1] = (parts[-1][0], max(parts[-1][1], end))
        else:
            parts.append((start, end))
    return [Part(_pieces(text, start, end, spans), start > 0, end < len(text)) for start, end in parts]


def _begin(text: str, near: int) -> int:
    first = near - _WORD
    found = text.rfind(" ", max(0, first), max(0, near))
    return found + 1 if found >= 0 else near if first > 0 else 0


def _finish(text: str, near: int) -> int:
    last = near + _WORD
    found = text.find(" ", near, last)
    return found if found >= 0 else near if last < len(text) else len(text)


def _pieces(text: str, start: int, end: int, spans: Sequence[Span]) -> list[Piece]:
    inside = [span for span in spans if start <= span.start and span.end <= end]
    cuts = sorted({start, end} | {place for span in inside for place in (span.start, span.end)})
    return [
        Piece(
            text[begin:stop],
            tuple(dict.fromkeys(span.name for span in inside if span.start <= begin and stop <= span.end)),
        )
        for begin, stop in pairwise(cuts)
    ]


GOLD = "gold"  # what accepted answers are marked by


@dataclass(frozen=True)
class Said:
    """An answer, the letter by which it is marked in the text, and how sure of it the models are that gave it, by name."""

    letter: str
    answer: Answered
    models: dict[str, float]


@dataclass(frozen=True)
class Case:
    """A question with the parts of its text where answers are. golds: accepted answers; said: what models answered."""

    question: str
    parts: list[Part]
    golds: list[str]
    said: list[Said]


def disagreements(questions: list[Question], roles: dict[str, str]) -> list[Cases[Case]]:
    """Where the student is wrong and a teacher or the ensemble right, and the other way round; roles: by model."""
    right = [{name: answer.right for name, answer in question.answers.items()} for question in questions]
    return [found.map(lambda number: _case(questions[number])) for found in cases_of(right, roles)]


def _case(question: Question) -> Case:
    example = question.example
    said = _said(question)
    golds = [Span(GOLD, gold.start, gold.start + len(gold.text)) for gold in example.answers or ()]
    found = [Span(one.letter, one.answer.start, one.answer.end) for one in said]
    spans = [span for span in dict.fromkeys([*golds, *found]) if 0 <= span.start < span.end]
    texts = list(dict.fromkeys(gold.text for gold in example.answers or ()))
    return Case(example.question, excerpt(example.context, spans), texts, said)


def _said(question: Question) -> list[Said]:
    """What models answered, equal answers once."""
    alike: dict[tuple[str, int, int], dict[str, Answered]] = {}
    for name, answer in question.answers.items():
        alike.setdefault((answer.text, answer.start, answer.end), {})[name] = answer
    return [
        Said(_letter(number), next(iter(found.values())), {name: answer.score for name, answer in found.items()})
        for number, found in enumerate(alike.values())
    ]


def _letter(number: int) -> str:
    """A, B, … Z, A2, B2, …"""
    letter = chr(ord("A") + number % 26)
    return letter if number < 26 else f"{letter}{number // 26 + 1}"
