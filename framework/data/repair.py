"""Answers whose offset does not match the context: repaired where the text occurs, else left out."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from framework.data.example import Answer
from framework.data.row import Claim


@dataclass(frozen=True, slots=True)
class Repaired:
    """The usable answers of a question, whether any was moved or left out on the way, and whether any came without a start
    and occurs several times."""

    answers: tuple[Answer, ...]
    changed: bool
    guessed: bool


def repair_answers(context: str, claimed: tuple[Claim, ...]) -> Repaired:
    """Place every claimed (text, start) in `context`, keeping their order.

    Offsets count Unicode code points, a leading U+FEFF included. White space around an answer is cut off and
    its start moved along, which does not count as a change. An answer that does not stand where it claims moves
    to the nearest place where its text occurs (the earlier of two equally near); one whose text does not occur,
    or is blank, is left out. One without a start stands where its text occurs first.
    """
    placed = [place_answer(context, text, start) for text, start in claimed]
    answers = tuple(answer for answer in placed if answer is not None)
    moved = any(
        answer is None or (start is not None and answer.start != start + _leading_space(text))
        for answer, (text, start) in zip(placed, claimed, strict=True)
    )
    guessed = any(
        answer is not None and start is None and len(list(islice(_occurrences(context, answer.text), 2))) > 1
        for answer, (_, start) in zip(placed, claimed, strict=True)
    )
    return Repaired(answers, moved, guessed)


def place_answer(context: str, text: str, start: int | None) -> Answer | None:
    """The answer at its claimed start or at the nearest occurrence of its text; None where there is none."""
    start = 0 if start is None else start + _leading_space(text)
    text = text.strip()
    if not text:
        return None
    if start >= 0 and context.startswith(text, start):
        return Answer(text, start)
    nearest = min(_occurrences(context, text), key=lambda found: abs(found - start), default=None)
    return None if nearest is None else Answer(text, nearest)


def _occurrences(context: str, text: str) -> Iterator[int]:
    found = context.find(text)
    while found >= 0:
        yield found
        found = context.find(text, found + 1)


def _leading_space(text: str) -> int:
    return len(text) - len(text.lstrip())
