"""Questions on which the student and its teachers are not of one mind."""

from dataclasses import dataclass

from tracking.html.excerpt import Part, Span, excerpt
from tracking.html.questions import Answered, Question

SHOWN = 20  # questions at most
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


@dataclass(frozen=True)
class Cases:
    """Cases of one kind: the title, how many questions are such, those that are shown, the clearest first."""

    title: str
    count: int
    shown: list[Case]


def disagreements(questions: list[Question], roles: dict[str, str]) -> list[Cases]:
    """Where the student is wrong and a teacher or the ensemble right, and the other way round; roles: by model."""
    student = next((name for name, role in roles.items() if role == "student"), None)
    others = [name for name, role in roles.items() if role in ("teacher", "ensemble")]
    if student is None or not others or not questions:
        return []

    def differing(question: Question, student_right: bool) -> int:
        """How many others are right where the student is not, or wrong where it is right."""
        if student not in question.answers or question.answers[student].right != student_right:
            return 0
        return sum(question.answers[name].right != student_right for name in others if name in question.answers)

    def clearest(student_right: bool) -> list[Question]:
        counted = [(differing(question, student_right), question) for question in questions]
        return [question for count, question in sorted(counted, key=lambda one: -one[0]) if count]

    worse, better = clearest(False), clearest(True)
    # Half of them each, or more where there are fewer of the others.
    shown = worse[: max(SHOWN // 2, SHOWN - len(better))]
    rest = better[: SHOWN - len(shown)]
    return [
        Cases("The student wrong, a teacher or the ensemble right", len(worse), [_case(one) for one in shown]),
        Cases("The student right, a teacher or the ensemble wrong", len(better), [_case(one) for one in rest]),
    ]


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
