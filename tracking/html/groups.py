"""How models do on groups of questions: by question word, and by the length of the answer."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import fmean

from tracking.html.question_words import QUESTION_WORDS, question_word
from tracking.html.questions import Question

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
