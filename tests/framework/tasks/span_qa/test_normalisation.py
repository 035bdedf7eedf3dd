import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.tasks.span_qa.normalisation import official, russian


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  The  Cat's\tHat. ", "cats hat"),
        ("a", ""),
        ("A-ha", "aha"),
        ("the-end an. another", "theend another"),
        ("«Мир» — ЁЖ", "«мир» — ёж"),
        ("the «a» кот", "« » кот"),
        ("_x_ 3,5%", "x 35"),
        ("", ""),
    ],
)
def test_official(text: str, expected: str) -> None:
    assert official(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("«Мир» — ЁЖ", "мир еж"),
        ("„Заря“", "заря"),
        ("1941–1945", "19411945"),
        ("1941-1945", "19411945"),
        ("из‑за −5", "изза 5"),
        ("е\u0308лка и\u0306од", "елка йод"),
        ("the «a» кот", "кот"),
        ("мой «", "мой"),
    ],
)
def test_russian(text: str, expected: str) -> None:
    assert russian(text) == expected


def test_russian_drops_every_dash_of_unicode() -> None:
    dashes = [chr(i) for i in range(sys.maxunicode + 1) if unicodedata.category(chr(i)) == "Pd"]
    assert len(dashes) > 20
    assert [dash for dash in dashes if russian(f"x{dash}y") != "xy"] == []


_SHORT = st.text(alphabet="aе ёЁ«»—-.,the\u0308\t", max_size=8)


@given(_SHORT)
def test_both_are_idempotent_in_white_space_and_case(text: str) -> None:
    for normalise in (official, russian):
        once = normalise(text)
        assert once == " ".join(once.split()) == once.lower()


@given(_SHORT, _SHORT)
def test_what_is_officially_equal_is_equal_in_russian(left: str, right: str) -> None:
    if official(left) == official(right):
        assert russian(left) == russian(right)
