"""From records to questions with answers that stand in their contexts: what may be done to them on the way, and questions that are
written in several rows, such as one for each answer."""

from collections.abc import Iterable
from dataclasses import replace

from framework.data.example import Note, Notebook
from framework.data.records import Asked
from framework.errors import DataError
from framework.tasks.span_qa.example import QAExample, QARow
from framework.tasks.span_qa.repair import repair_answers

FIELDS = (
    Asked("id"),
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
