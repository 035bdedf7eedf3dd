"""From records to examples: questions as their sources have them, what may be done to them on the way, and answers that stand in
their contexts."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from distil.framework.data.characters import without_blank_ends
from distil.framework.data.example import Note, Notebook
from distil.framework.data.locating import locate
from distil.framework.data.records import Asked
from distil.framework.errors import DataError

FIELDS = (
    Asked("id", required=False),
    Asked("context"),
    Asked("question"),
    Asked(
        "answers",
        ("answers", "answer"),
        unless="is_impossible",
        structured=True,
        hint="write null for an unlabelled question",
    ),
    Asked("start", ("answer_start",), required=False, structured=True),
    Asked("is_impossible", required=False),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A span of the context: ``context[start : start + len(text)] == text``; `start` counts code points."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class QAExample:
    """See Example: a question with its context.

    `answers` is None for an unlabelled question (transfer data), empty for one that the context does not
    answer (SQuAD 2.0), and otherwise holds every accepted answer, the first being the training label.
    """

    id: str
    context: str
    question: str
    answers: tuple[Answer, ...] | None

    @property
    def labelled(self) -> bool:
        """See Example."""
        return self.answers is not None

    @property
    def texts(self) -> tuple[str, str]:
        """See Example."""
        return self.context, self.question

    @property
    def group(self) -> str:
        """See Example."""
        return self.context

    @property
    def content(self) -> list[str]:
        """See Example."""
        labelled = "unlabelled" if self.answers is None else str(len(self.answers))
        answers = [f"{answer.start}:{answer.text}" for answer in self.answers or ()]
        return [self.id, self.context, self.question, labelled, *answers]

    def without_label(self) -> "QAExample":
        """See Example."""
        return QAExample(self.id, self.context, self.question, None)


Claim = tuple[str, int | None]
"""An answer's text, and where it begins as its source says; None if that is not said."""


@dataclass(frozen=True, slots=True)
class QARow:
    """See Row: a question as read, well-typed, with answers that may not stand where they claim to.

    `answers` holds pairs of text and claimed start in code points, None where only the text is given; it is itself None
    where the source gives null. `impossible` is SQuAD 2.0's mark. `notes` are kinds of `NOTES` (data.py).
    """

    place: str
    id: str
    context: str
    question: str
    answers: tuple[Claim, ...] | None
    impossible: bool = False
    notes: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """See Row."""
        return self.context


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


def to_example(row: QARow, unanswerable: bool, notebook: Notebook) -> QAExample | None:
    """The example of a row, None if there is none in it; `notebook` takes what was done to it.

    A row gives none if its context or question is blank, if it has answers and none of them occurs, or if it is marked
    impossible where `unanswerable` is no part of the task. No answers, or blank ones only, mean not answerable where
    `unanswerable` is part of the task, else unlabelled. Null answers always mean unlabelled.

    Raises:
        DataError: a mark of impossibility that contradicts the answers.
    """
    for kind in row.notes:
        notebook.add(kind, row.id)
    labelled = any(text.strip() for text, _ in row.answers or ())
    if row.impossible and labelled:
        raise DataError(f"{row.place}: the question is marked is_impossible and yet has answers")
    if not row.context.strip() or not row.question.strip():
        notebook.add("blank", row.id)
        return None
    if row.impossible and not unanswerable:
        notebook.add("impossible", row.id)
        return None
    if not labelled:
        return _without_answer(row, unanswerable, notebook)
    result = repair_answers(row.context, row.answers or ())
    if not result.answers:
        notebook.add("absent", row.id)
        return None
    for kind in result.notes:
        notebook.add(kind, row.id)
    return QAExample(row.id, row.context, row.question, result.answers)


def _without_answer(row: QARow, unanswerable: bool, notebook: Notebook) -> QAExample:
    known = row.impossible or (row.answers is not None and unanswerable)
    if row.answers == () and not known:
        notebook.add("empty", row.id)
    return QAExample(row.id, row.context, row.question, () if known else None)


NOTES = {
    "blank": Note("left out, as context or question is blank", dropped=True),
    "impossible": Note("left out, as they are marked impossible and task.unanswerable is false", dropped=True),
    "absent": Note("left out, as none of their answers occurs in the context", dropped=True),
    "repaired": Note("with an answer that was moved to where it occurs, or left out"),
    "nearest": Note("with an answer that was moved to the nearest of several places where it occurs"),
    "respelled": Note(
        "with an answer in the context's spelling, which differs in case, spaces, accents, signs or HTML"
    ),
    "utf16": Note("with offsets that count UTF-16 units, as all of the source's do"),
    "utf8": Note("with offsets that count UTF-8 bytes, as all of the source's do"),
    "crlf": Note("with offsets that count CRLF as one character, as all of the source's do"),
    "bom": Note("with offsets that leave out the context's byte-order mark, as all of the source's do"),
    "repeated": Note("written more than once, taken once", dropped=True),
    "joined": Note("written in several rows with an answer each, which were joined"),
    "empty": Note("unlabelled, as their list of answers is empty and task.unanswerable is false"),
    "first_of_several": Note("labelled where their answer, which has no offset, occurs first of several times"),
}


def joined(rows: Iterable[QARow]) -> list[QARow]:
    """Rows of one id, question and context as one row with all their answers, at the place of the first of them."""
    found: dict[tuple[str, str, str], QARow] = {}
    for row in rows:
        key = (row.id, row.question, row.context)
        found[key] = _both(found[key], row) if key in found else row
    return list(found.values())


def _both(first: QARow, second: QARow) -> QARow:
    known = first.answers or ()
    more = tuple(answer for answer in second.answers or () if answer not in known)
    none = first.answers is None and second.answers is None
    impossible = first.impossible or second.impossible
    note = "joined" if more else "repeated"
    notes = tuple(dict.fromkeys([*first.notes, *second.notes, note]))
    return replace(first, answers=None if none else (*known, *more), impossible=impossible, notes=notes)
