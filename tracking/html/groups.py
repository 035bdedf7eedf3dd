"""How models do on groups of questions: by question word, and by the length of the answer."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import fmean

from tracking.html.questions import Question

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
_CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)

QUESTION_WORDS = (*_RUSSIAN, _RUSSIAN_OTHER, *_ENGLISH, _ENGLISH_OTHER)


def question_word(question: str) -> str:
    """The first question word of a Russian or English question, in its plain form: one of `QUESTION_WORDS`."""
    text = re.sub(r"\bhow\s+(many|much)\b", r"how_\1", question.lower())
    found = (_WORDS[form] for form in re.findall(r"\w+", text) if form in _WORDS)
    return next(found, _RUSSIAN_OTHER if language(question) == "ru" else _ENGLISH_OTHER)


def language(text: str) -> str:
    """`ru` for a text with Cyrillic letters, else `en`."""
    return "ru" if _CYRILLIC.search(text) else "en"


FEW = 10  # questions below which a group's figures say little
_LENGTHS = {"1": 1, "2": 2, "3–5": 5, "6–10": 10}
_LONGER, _NO_ANSWER = "more than 10", "no answer"


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


def by_answer_length(questions: list[Question], models: list[str]) -> list[Group]:
    """A group for each length, in words, of the first accepted answer."""
    return _groups(questions, models, (*_LENGTHS, _LONGER, _NO_ANSWER), _length)


def _length(question: Question) -> str:
    if not question.example.answers:
        return _NO_ANSWER
    words = len(question.example.answers[0].text.split())
    return next((name for name, most in _LENGTHS.items() if words <= most), _LONGER)


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
