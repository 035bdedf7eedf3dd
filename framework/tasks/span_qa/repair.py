"""Answers that do not stand where they claim: placed where the context has their text, else left out."""

from dataclasses import dataclass

from framework.data.characters import without_blank_ends
from framework.tasks.span_qa.example import Answer, Claim
from framework.tasks.span_qa.locating import locate


@dataclass(frozen=True, slots=True)
class Repaired:
    """The usable answers of a question, and what was done to them: kinds of `NOTES` (data.py)."""

    answers: tuple[Answer, ...]
    notes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Placed:
    """An answer, or None where the context has none, with notes as of Repaired."""

    answer: Answer | None
    notes: frozenset[str] = frozenset()


def repair_answers(context: str, claimed: tuple[Claim, ...]) -> Repaired:
    """Place every claimed (text, start) in `context`, keeping their order.

    Offsets count Unicode code points, a leading U+FEFF included. White space and invisible characters around an answer are
    cut off and its start moved along, which is no repair. An answer that does not stand where it claims moves
    to the nearest place that has its text (the earlier of two equally near); one without a start stands at the first.
    Where only the spelling differs, that of the context is taken. One whose text does not occur, or is blank, is left out.
    """
    placed = [place_answer(context, text, start) for text, start in claimed]
    return Repaired(
        tuple(found.answer for found in placed if found.answer is not None),
        frozenset(note for found in placed for note in found.notes),
    )


def place_answer(context: str, text: str, start: int | None) -> Placed:
    """See repair_answers. A place that has the text in another spelling comes first only where the answer claims to stand."""
    text, cut = without_blank_ends(text)
    if not text:
        return Placed(None, frozenset({"repaired"}))
    claim = None if start is None else start + cut
    if claim is not None and claim >= 0:
        if context.startswith(text, claim):
            return Placed(Answer(text, claim))
        spelled = [claim + end for begin, end in locate(context[claim : claim + 2 * len(text) + 20], text) if not begin]
        if spelled:
            return Placed(Answer(context[claim : spelled[0]], claim), frozenset({"respelled"}))
    exact = _around(context, text, claim or 0)
    if exact:
        return _nearest(context, [(begin, begin + len(text)) for begin in exact], claim, frozenset())
    return _nearest(context, locate(context, text), claim, frozenset({"respelled"}))


def _nearest(context: str, places: list[tuple[int, int]], claim: int | None, notes: frozenset[str]) -> Placed:
    """The answer at the place nearest to what it claims, with notes on how it came there."""
    if not places:
        return Placed(None, frozenset({"repaired"}))
    begin, end = min(places, key=lambda place: abs(place[0] - (claim or 0)))
    if claim is None:
        notes |= {"first_of_several"} if len(places) > 1 else set()
    else:
        notes |= {"repaired", "nearest"} if len(places) > 1 else {"repaired"}
    return Placed(Answer(context[begin:end], begin), notes)


def _around(context: str, text: str, claim: int) -> list[int]:
    """Where the text begins next to `claim`: before it, and at or after it; two places where it occurs several times."""
    claim = min(max(claim, 0), len(context))
    before = context.rfind(text, 0, max(claim + len(text) - 1, 0))
    after = context.find(text, claim)
    found = [place for place in (before, after) if place >= 0]
    if len(found) == 1:
        more = context.rfind(text, 0, before + len(text) - 1) if after < 0 else context.find(text, after + 1)
        found += [more] if more >= 0 else []
    return found
