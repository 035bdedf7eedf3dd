"""The questions on which a run's models were measured: those on which the student and its teachers are not of one mind, and how models
do on groups of them, by question word and by the length of the answer."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

from distil.framework.language.texts import language_of
from distil.framework.language.words import Words
from distil.framework.outcome import RunResults
from distil.framework.tasks.span_qa.data import QAExample
from distil.framework.tasks.span_qa.metrics import Variant, score_example
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.tracking.html.answers import answers_in, labelled_examples
from distil.tracking.html.cases import FEW, Cases, cases_of

_AROUND = 80  # characters shown on either side of a span
_WORD = 20  # characters by which a part may grow so as not to cut a word
_BEGINNING = 240  # characters shown of a text without spans
_RUSSIAN = {
    "кто": "кто кого кому кем ком",
    "что": "что чего чему чем чём",
    "где": "где",
    "когда": "когда",
    "куда": "куда",
    "откуда": "откуда",
    "сколько": "сколько скольких скольким сколькими насколько",
    "какой": "какой какая какое какие какого какому каким каком какую какою каких какими каков какова каково каковы",
    "как": "как",
    "почему": "почему отчего",
    "зачем": "зачем",
    "чей": "чей чья чьё чье чьи чьего чьему чьим чьём чьем чьей чью чьею чьих чьими",
}
_ENGLISH = {
    "who": "who whom whose",
    "what": "what",
    "where": "where",
    "when": "when",
    "how many": "how_many how_much",
    "how": "how",
    "why": "why",
    "which": "which",
}
_RUSSIAN_OTHER, _ENGLISH_OTHER = "другие", "other"
_WORDS = {form: word for words in (_RUSSIAN, _ENGLISH) for word, forms in words.items() for form in forms.split()}

QUESTION_WORDS = (*_RUSSIAN, _RUSSIAN_OTHER, *_ENGLISH, _ENGLISH_OTHER)


@dataclass(frozen=True)
class Answered:
    """A model's answer: its text, span (-1 where the context does not hold it) and probability; EM and F1 from 0 to 1."""

    text: str
    start: int
    end: int
    score: float
    exact_match: float
    f1: float

    @property
    def right(self) -> bool:
        """Whether it is an exact match."""
        return self.exact_match == 1.0


@dataclass(frozen=True)
class Question:
    """A labelled question with the answers of models, by name."""

    example: QAExample
    answers: dict[str, Answered]


def read_questions(folder: Path, results: RunResults, task: ExtractiveQA) -> list[Question]:
    """The labelled questions of the run's evaluation split, with the answers of all models that were measured.

    Raises UserError where data or recipe cannot be had any more as the run had them, or for damaged predictions.
    """
    variant: Variant = "squad_v2" if task.unanswerable else "squad"
    labelled = labelled_examples(results)
    answers = answers_in(folder, results, labelled, partial(_answered, variant=variant))
    return [
        Question(example, {name: answered[number] for name, answered in answers.items()})
        for number, example in enumerate(labelled)
    ]


def _answered(example: QAExample, record: Mapping[str, Any], variant: Variant) -> Answered:
    golds = [answer.text for answer in example.answers or ()]
    exact_match, f1 = score_example(record["answer"], golds, variant=variant)
    return Answered(record["answer"], record["start"], record["end"], record["score"], exact_match, f1)


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


def disagreements(questions: list[Question], roles: dict[str, str], words: Words) -> list[Cases[Case]]:
    """Where the student is wrong and a teacher or the ensemble right, and the other way round; roles: by model."""
    right = [{name: answer.right for name, answer in question.answers.items()} for question in questions]
    return [found.map(lambda number: _case(questions[number])) for found in cases_of(right, roles, words)]


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


def question_word(question: str) -> str:
    """The first question word of a Russian or English question, in its plain form: one of `QUESTION_WORDS`."""
    text = re.sub(r"\bhow\s+(many|much)\b", r"how_\1", question.lower())
    found = (_WORDS[form] for form in re.findall(r"\w+", text) if form in _WORDS)
    return next(found, _RUSSIAN_OTHER if language_of(question) == "ru" else _ENGLISH_OTHER)


_LENGTHS = {"1": 1, "2": 2, "3–5": 5, "6–10": 10}


@dataclass(frozen=True)
class Group:
    """So many questions of a kind; figures: EM and F1 in percent, by model."""

    name: str
    questions: int
    figures: dict[str, tuple[float, float]]

    @property
    def few(self) -> bool:
        """Whether there are too few for their figures to say much."""
        return self.questions < FEW


def by_question_word(questions: list[Question], models: list[str]) -> list[Group]:
    """A group for each question word that occurs."""
    return _groups(questions, models, QUESTION_WORDS, lambda question: question_word(question.example.question))


def by_answer_length(questions: list[Question], models: list[str], words: Words) -> list[Group]:
    """A group for each length, in words, of the first accepted answer."""
    longer, none = words("longer"), words("no answer")

    def length(question: Question) -> str:
        if not question.example.answers:
            return none
        count = len(question.example.answers[0].text.split())
        return next((name for name, most in _LENGTHS.items() if count <= most), longer)

    return _groups(questions, models, (*_LENGTHS, longer, none), length)


def _groups(
    questions: list[Question], models: list[str], names: Iterable[str], name_of: Callable[[Question], str]
) -> list[Group]:
    members: dict[str, list[Question]] = {name: [] for name in names}
    for question in questions:
        members[name_of(question)].append(question)
    return [Group(name, len(found), _figures(found, models)) for name, found in members.items() if found]


def _figures(questions: list[Question], models: list[str]) -> dict[str, tuple[float, float]]:
    answers = {name: [question.answers[name] for question in questions] for name in models}
    return {
        name: (100 * fmean(one.exact_match for one in said), 100 * fmean(one.f1 for one in said))
        for name, said in answers.items()
    }
