"""From records to questions with answers that stand in their contexts."""

from framework.data.notes import Notebook
from framework.data.records import Asked
from framework.errors import DataError
from framework.tasks.span_qa.example import QAExample
from framework.tasks.span_qa.repair import repair_answers
from framework.tasks.span_qa.row import QARow

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
