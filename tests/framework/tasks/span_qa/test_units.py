"""Offsets that count something else than characters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distil.framework.tasks.span_qa.data import Claim, QARow
from distil.framework.tasks.span_qa.units import in_characters

CONTEXTS = ["\ufeffДа 😀 нет.\r\nЕщё 😀 да, нет", "Кот\r\nи 😀 кот, и 🎓 пёс", "all is plain, all of it"]


def row(number: int, context: str, *answers: Claim) -> QARow:
    return QARow(f"row[{number}]", f"q{number}", context, "Кто?", answers)


def counted(text: str, unit: str) -> int:
    """So many units has the text that stands before an answer."""
    if "bom" in unit:
        text = text.removeprefix("\ufeff")
    if "crlf" in unit:
        text = text.replace("\r\n", "\n")
    if "utf16" in unit:
        return len(text.encode("utf-16-le")) // 2
    return len(text.encode()) if "utf8" in unit else len(text)


@pytest.mark.parametrize(
    "unit",
    ["utf16", "utf8", "crlf", "bom", "utf16 crlf", "utf8 crlf", "utf16 bom", "utf8 bom", "crlf bom", "utf8 crlf bom"],
)
def test_a_unit_that_explains_all_answers_of_a_file_is_taken(unit: str) -> None:
    true, claimed = [], []
    for number, context in enumerate(CONTEXTS * 2):
        word = context.split()[-1 - (number > 2)]
        begin = context.rindex(word)
        true.append((begin, word))
        claimed.append(row(number, context, (word, counted(context[:begin], unit)), ("отсутствует", 5), (word, None)))
    read = in_characters(claimed)
    for (begin, word), before, after in zip(true, claimed, read, strict=True):
        assert after.answers is not None
        assert after.answers[0] == (word, begin)
        assert after.answers[2] == (word, None)
        assert set(after.notes) == (set(unit.split()) if after.answers != before.answers else set())
    assert {note for one in read for note in one.notes} == set(unit.split())


def test_the_true_place_is_not_the_nearest() -> None:
    context = "Жил кот, был он кот. Там и другой кот"
    claimed = len(context[:16].encode())
    assert abs(context.rindex("кот") - claimed) < abs(16 - claimed)
    (read,) = in_characters([row(0, context, ("кот", claimed))])
    assert read.answers == (("кот", 16),)


def test_a_unit_that_does_not_explain_all_is_not_taken() -> None:
    rows = [row(0, "😀 да да", ("да", 3)), row(1, "😀 да нет", ("да", 2)), row(2, "plain", ("in", 0))]
    assert in_characters(rows[:1])[0].notes == ("utf16",)
    assert in_characters(rows) == rows
    assert in_characters(rows[1:]) == rows[1:]


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=3), st.integers(-5, 30)), max_size=4))
def test_offsets_that_hold_stay(drawn: list[tuple[str, str, int]]) -> None:
    right = [row(number, f"{text}|", ("|", len(text))) for number, (text, _, _) in enumerate(drawn)]
    assert in_characters(right) == right
    odd = [row(number, context, (text, start)) for number, (context, text, start) in enumerate(drawn)]
    assert [one.id for one in in_characters(odd)] == [one.id for one in odd]
