"""Texts that a context has, and those that it has not."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distil.framework.data.locating import fold, locate
from tests.tokenizing import contexts


@pytest.mark.parametrize(
    ("context", "text", "found"),
    [
        ("Он жил в Туле, и Тула его помнит.", "Тула", ["Тула"]),
        ("Тула, тула и ТУЛА", "тула", ["Тула", "тула", "ТУЛА"]),
        ("Ёлка и елка", "елка.", ["Ёлка", "елка"]),
        ("Пе\u0308тр и Пётр", "Петр", ["Пе\u0308тр", "Пётр"]),
        ("в Санкт-Петербурге", "санкт - петербурге", ["Санкт-Петербурге"]),
        ("Анна \n Петрова", "Анна Петрова", ["Анна \n Петрова"]),
        ("роман «Идиот» и идиот", "«Идиот»", ["«Идиот»", "идиот"]),
        ("рост на 5%, или 5 штук", "5%", ["5%", "5"]),
        ("в 2015 году, 5 мая", "5", ["5"]),
        ("в 2015 году", "15", ["15"]),
        ("Strasse, Straße", "straße", ["Strasse", "Straße"]),
        ("все\u0308 и всё", "все", ["все\u0308", "всё"]),
        ("чаи\u0306.", "чаи", ["чаи\u0306"]),
        ("майка, маика", "маика", ["маика"]),
        ("майка", "Маика", ["майка"]),
        ("a\u00ad\ufeffb", "ab", ["a\u00ad\ufeffb"]),
        ("да — нет", "—", ["—"]),
        ("ﬁn", "f", []),
        ("AT&amp;T и AT&T", "at&t", ["AT&amp;T", "AT&T"]),
        ("Анна&nbsp;Петрова", "Анна\u202fПетрова", ["Анна&nbsp;Петрова"]),
        ("тире &mdash; &#1058;ула, &нет;", "— Тула", ["&mdash; &#1058;ула"]),
        ("да\r\nнет", "да\nнет", ["да\r\nнет"]),
        ("где?", "", []),
        ("где?", " \u00ad ", []),
        ("Анна Петрова", "Анна Иванова", []),
        ("ААА ААА", "ААА ААА", ["ААА ААА"]),
    ],
)
def test_places_of_a_text(context: str, text: str, found: list[str]) -> None:
    assert [context[start:end] for start, end in locate(context, text)] == found


@given(contexts, st.data())
def test_every_word_of_a_context_is_found_where_it_stands(context: str, data: st.DataObject) -> None:
    words = context.split()
    begin = data.draw(st.integers(0, len(words) - 1))
    end = data.draw(st.integers(begin + 1, len(words)))
    wanted = context[_start_of(context, begin) : _start_of(context, end - 1) + len(words[end - 1])]
    places = locate(context, wanted)
    form = fold(wanted).form
    assert places == sorted(set(places))
    for start, stop in places:
        assert fold(context[start:stop]).form.strip() in form
        assert start < stop <= len(context)
    cut = unicodedata.combining(fold(context).form[:1] or " ") > 0 or any(
        unicodedata.combining(unicodedata.normalize("NFKD", word[0])[0]) for word in words
    )
    if form and not cut:
        low = _start_of(context, begin)
        assert any(low <= start and stop <= low + len(wanted) for start, stop in places)


def _start_of(context: str, number: int) -> int:
    """Character at which the word of that number begins."""
    at = 0
    for word in context.split()[:number]:
        at = context.index(word, at) + len(word)
    return context.index(context.split()[number], at)
