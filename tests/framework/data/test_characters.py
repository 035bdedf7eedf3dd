"""Kinds of characters, for whole texts at once."""

from hypothesis import given
from hypothesis import strategies as st

from distil.framework.data.characters import blank, codes, is_blank, is_space


@given(st.text(alphabet=st.characters()))
def test_a_text_is_read_character_by_character(text: str) -> None:
    assert codes(text).tolist() == [ord(character) for character in text]
    assert is_space(codes(text)).tolist() == [character.isspace() for character in text]
    assert blank(codes(text)).tolist() == [is_blank(character) for character in text]


def test_lone_surrogates_are_characters_too() -> None:
    assert codes("a\ud800\udfffb").tolist() == [0x61, 0xD800, 0xDFFF, 0x62]
