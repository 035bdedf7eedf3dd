"""Units of texts."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from distil.framework.tasks.text.units import LETTER, NUMBER, OTHER, SPACE, units_of


def _cut(text: str) -> list[str]:
    bounds = units_of(text).bounds.tolist()
    return [text.encode()[begin:end].decode() for begin, end in itertools.pairwise(bounds)]


def test_words_numbers_and_punctuation_take_the_space_before_them() -> None:
    assert _cut("It's 42 degrees, isn't it? (so…)") == [
        "It's",
        " 42",
        " degrees",
        ",",
        " isn't",
        " it",
        "?",
        " (",
        "so",
        "…)",
    ]


def test_of_several_spaces_the_last_goes_with_what_follows() -> None:
    assert _cut("a  b\n\n c\td ") == ["a", " ", " b", "\n\n", " c", "\t", "d", " "]


def test_marks_belong_to_their_letters() -> None:
    assert _cut("Пётр и\u0306од 日本 हिन्दी") == ["Пётр", " и\u0306од", " 日本", " हिन्दी"]


def test_classes_are_those_of_the_last_characters() -> None:
    assert units_of("a 1 ! \n").classes.tolist() == [LETTER, NUMBER, OTHER, SPACE]


def test_an_empty_text_has_none() -> None:
    assert units_of("").bounds.tolist() == [0]


@given(st.text())
def test_units_are_the_text(text: str) -> None:
    found = units_of(text)
    assert "".join(_cut(text)) == text
    assert (found.bounds[1:] > found.bounds[:-1]).all()
    assert len(found.classes) == len(found.bounds) - 1
