"""Questions that are written in several rows, such as one for each answer."""

from collections.abc import Iterable
from dataclasses import replace

from framework.tasks.span_qa.row import QARow


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
