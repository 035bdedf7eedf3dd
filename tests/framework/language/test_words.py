"""What is said in one language is said in the other, with the same values, in the forms that numbers ask for."""

from string import Formatter

import pytest

from distil.framework.language.words import ENGLISH, LANGUAGES, RUSSIAN, Words


def fields(text: str) -> set[str]:
    return {str(name) for _, name, _, _ in Formatter().parse(text) if name is not None}


def forms(words: Words, name: str) -> list[str]:
    found = words.texts[name]
    return [found] if isinstance(found, str) else list(found)


def test_no_text_is_missing_in_either_language() -> None:
    assert list(ENGLISH.texts) == list(RUSSIAN.texts)
    assert list(LANGUAGES) == ["en", "ru"]


@pytest.mark.parametrize("name", list(ENGLISH.texts))
def test_a_text_has_the_values_and_forms_of_its_language(name: str) -> None:
    assert all(text.strip() for words in (ENGLISH, RUSSIAN) for text in forms(words, name))
    given = set().union(*map(fields, forms(ENGLISH, name)))
    assert set().union(*map(fields, forms(RUSSIAN, name))) <= given | {"count"}
    assert len(forms(ENGLISH, name)) in (1, 2)
    assert len(forms(RUSSIAN, name)) in (1, 3)


@pytest.mark.parametrize(
    ("count", "english", "russian"),
    [
        (0, "0 questions", "0 вопросов"),
        (1, "1 question", "1 вопрос"),
        (2, "2 questions", "2 вопроса"),
        (4, "4 questions", "4 вопроса"),
        (5, "5 questions", "5 вопросов"),
        (11, "11 questions", "11 вопросов"),
        (14, "14 questions", "14 вопросов"),
        (21, "21 questions", "21 вопрос"),
        (112, "112 questions", "112 вопросов"),
        (1_201, "1,201 questions", "1\u00a0201 вопрос"),
        (5_003, "5,003 questions", "5\u00a0003 вопроса"),
    ],
)
def test_plurals(count: int, english: str, russian: str) -> None:
    assert ENGLISH.counted("questions", count) == english
    assert RUSSIAN.counted("questions", count) == russian


def test_what_a_task_of_ones_own_calls_its_examples() -> None:
    assert ENGLISH.counted("riddles", 3) == "3 riddles"
    assert RUSSIAN.counted("riddles", 3) == "3 примера"


@pytest.mark.parametrize(
    ("figure", "russian"),
    [
        ("88.4 [85.6, 91.2]", "88,4 [85,6; 91,2]"),
        ("[-0.5, +1.0]", "[-0,5; +1,0]"),
        ("1,234,567.5", "1\u00a0234\u00a0567,5"),
        ("240K", "240\u00a0тыс."),
        ("1.1M", "1,1\u00a0млн"),
        ("0.33 ± 0.00", "0,33 ± 0,00"),
        ("–", "–"),
    ],
)
def test_figures(figure: str, russian: str) -> None:
    assert RUSSIAN.figures(figure) == russian
    assert ENGLISH.figures(figure) == figure


def test_lists() -> None:
    assert ENGLISH.listed(["EM", "F1", "MCC"]) == "EM, F1 and MCC"
    assert RUSSIAN.listed(["EM", "F1"]) == "EM и F1"
    assert ENGLISH.listed(["EM"]) == "EM"
