"""Offsets that do not count characters: the unit that explains all of a file's answers is found."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from distil.framework.data.characters import without_blank_ends
from distil.framework.tasks.span_qa.data import QARow

Code = Literal["characters", "utf16", "utf8"]


@dataclass(frozen=True)
class Unit:
    """How a text is counted. code: its units, "characters" being Unicode code points; crlf: a carriage return before a
    line feed does not count; bom: nor does a byte-order mark at the beginning."""

    code: Code
    crlf: bool
    bom: bool

    @property
    def notes(self) -> tuple[str, ...]:
        """In what it differs from characters, as kinds of `NOTES` (data.py)."""
        code = () if self.code == "characters" else (self.code,)
        return (*code, *(("crlf",) if self.crlf else ()), *(("bom",) if self.bom else ()))


_CODES: tuple[Code, ...] = ("characters", "utf16", "utf8")
_UNITS = sorted(
    (Unit(code, crlf, bom) for code, crlf, bom in product(_CODES, (False, True), (False, True))),
    key=lambda unit: len(unit.notes),
)


def in_characters(rows: Sequence[QARow]) -> list[QARow]:
    """The rows of one file with offsets that count characters.

    If not every answer stands where its offset says, but does so in another unit, for all rows of the file, offsets are
    taken in that unit; the rows on which it makes a difference are noted. Answers that their context does not have at all
    speak for no unit.
    """
    wrong = [row for row in rows if not _explained(row, _UNITS[0])]
    if wrong:
        candidates = [unit for unit in _UNITS if all(_explained(row, unit) for row in wrong)]
        for unit in candidates:
            if all(_explained(row, unit) for row in rows):
                return [_read(row, unit) for row in rows]
    return list(rows)


def _explained(row: QARow, unit: Unit) -> bool:
    """Whether every answer of the row that the context has stands where its offset says in this unit."""
    for text, start in row.answers or ():
        shown, cut = without_blank_ends(text)
        if start is None or not shown:
            continue
        place = start if unit is _UNITS[0] else _place(row.context, start, unit)
        stands = place is not None and place + cut >= 0 and row.context.startswith(shown, place + cut)
        if not stands and shown in row.context:
            return False
    return True


def _read(row: QARow, unit: Unit) -> QARow:
    if row.answers is None:
        return row
    answers = []
    for text, start in row.answers:
        place = None if start is None else _place(row.context, start, unit)
        answers.append((text, start if place is None else place))
    if tuple(answers) == row.answers:
        return row
    return replace(row, answers=tuple(answers), notes=tuple(dict.fromkeys([*row.notes, *unit.notes])))


def _place(context: str, start: int, unit: Unit) -> int | None:
    """The character that begins `start` units into the context; None if none does."""
    if start < 0:
        return None
    begins = _begins(context, unit)
    place = int(np.searchsorted(begins, start, side="right")) - 1
    return place if int(begins[place]) == start else None


@lru_cache(maxsize=2 * len(_UNITS))
def _begins(context: str, unit: Unit) -> NDArray[np.int64]:
    """How many units there are before each character, and before the end."""
    codes = np.frombuffer(context.encode("utf-32-le"), np.uint32)
    widths = np.ones(len(codes), np.int64)
    if unit.code == "utf16":
        widths += codes > 0xFFFF
    elif unit.code == "utf8":
        widths += (codes > 0x7F).astype(np.int64) + (codes > 0x7FF) + (codes > 0xFFFF)
    if unit.crlf:
        widths[:-1][(codes[:-1] == 0x0D) & (codes[1:] == 0x0A)] = 0
    if unit.bom and len(codes) and codes[0] == 0xFEFF:
        widths[0] = 0
    return np.concatenate([[0], np.cumsum(widths)])
