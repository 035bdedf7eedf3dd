"""Texts tell by their letters in which language they are."""

from distil.framework.language.texts import are_russian, language_of


def test_a_text_with_cyrillic_letters_is_russian() -> None:
    assert [language_of(text) for text in ("Где Linux?", "Ёж", "Where?", "", "1874")] == ["ru", "ru", "en", "en", "en"]


def test_texts_are_russian_where_half_of_them_are() -> None:
    assert are_russian(["Где?", "Кто?", "Who?"])
    assert are_russian(["Где?", "Who?"])
    assert not are_russian(["Где?", "Who?", "Where?"])
    assert not are_russian([])
