"""Which questions are shown, in which order, and what of them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distil.framework.language.words import ENGLISH
from distil.framework.tasks.span_qa.data import Answer, QAExample
from distil.tracking.html.cases import SHOWN
from distil.tracking.html.question_parts import (
    QUESTION_WORDS,
    Answered,
    Question,
    Span,
    by_answer_length,
    disagreements,
    excerpt,
    question_word,
)

CONTEXT = "Анна родилась в Туле."
ROLES = {"a": "teacher", "b": "teacher", "ensemble": "ensemble", "base": "baseline", "student": "student"}
RIGHT = Answered("в Туле", 14, 20, 0.75, 1.0, 1.0)
WRONG = Answered("Анна", 0, 4, 0.5, 0.0, 0.0)


def question(name: str, right: str) -> Question:
    """A question that only the models named in `right` can answer."""
    example = QAExample(name, CONTEXT, name, (Answer("в Туле", 14), Answer("Туле", 16)))
    return Question(example, {model: RIGHT if model in right.split() else WRONG for model in ROLES})


def test_those_on_which_most_differ_come_first() -> None:
    asked = [
        question("all", "a b ensemble base student"),
        question("one", "a"),
        question("three", "a b ensemble"),
        question("baseline", "base"),
        question("alone", "student"),
        question("with one", "student b"),
    ]
    worse, better = disagreements(asked, ROLES, ENGLISH)
    assert [case.question for case in worse.shown] == ["three", "one"]
    assert [case.question for case in better.shown] == ["alone", "with one"]
    (part,) = worse.shown[0].parts
    assert [(piece.text, piece.names) for piece in part.pieces] == [
        ("Анна", ("B",)),
        (" родилась ", ()),
        ("в ", ("gold", "A")),
        ("Туле", ("gold", "A")),
        (".", ()),
    ]
    assert [(said.letter, said.models) for said in worse.shown[0].said] == [
        ("A", {"a": 0.75, "b": 0.75, "ensemble": 0.75}),
        ("B", {"base": 0.5, "student": 0.5}),
    ]


def test_no_more_are_shown_than_a_page_bears() -> None:
    few, many = [question("x", "student")] * 3, [question("y", "a")] * 50
    for asked, shown in ((few + many, [17, 3]), (many, [20, 0]), (few * 10 + many, [10, 10])):
        found = disagreements(asked, ROLES, ENGLISH)
        assert [len(cases.shown) for cases in found] == shown
        assert sum(shown) == SHOWN
        assert found[0].count == 50


def test_without_student_or_teachers_nobody_disagrees() -> None:
    for role in ("student", "teacher ensemble"):
        left = {name: found for name, found in ROLES.items() if found not in role.split()}
        assert disagreements([question("x", "a")], left, ENGLISH) == []


def test_groups_by_length_count_words_of_the_first_answer() -> None:
    def of_words(number: int) -> Question:
        text = " ".join(["слово"] * number)
        return Question(QAExample("id", text, "?", (Answer(text, 0),) if number else ()), {"student": RIGHT})

    asked = [of_words(number) for number in (0, 1, 2, 3, 5, 6, 10, 11, 40)] + [of_words(1)] * 10
    groups = {group.name: group for group in by_answer_length(asked, ["student"], ENGLISH)}
    counts = {name: group.questions for name, group in groups.items()}
    assert counts == {"1": 11, "2": 1, "3–5": 2, "6–10": 2, "more than 10": 2, "no answer": 1}
    assert [name for name, group in groups.items() if not group.few] == ["1"]
    assert groups["1"].figures == {"student": (100.0, 100.0)}


@st.composite
def marked(draw: Any) -> tuple[str, list[Span]]:
    text = draw(st.text(alphabet="ая б😀<", min_size=1, max_size=600))
    spans = []
    for name in "abc"[: draw(st.integers(0, 3))]:
        start = draw(st.integers(0, len(text) - 1))
        spans.append(Span(name, start, draw(st.integers(start + 1, len(text)))))
    return text, spans


@given(marked())
def test_pieces_put_together_are_the_text_and_the_spans(found: tuple[str, list[Span]]) -> None:
    text, spans = found
    place = 0
    marks: dict[str, str] = {}
    for part in excerpt(text, spans):
        shown = "".join(piece.text for piece in part.pieces)
        begin = text.index(shown, place)
        assert part.after == (begin + len(shown) < len(text))
        place = begin + len(shown)
        for piece in part.pieces:
            for name in piece.names:
                marks[name] = marks.get(name, "") + piece.text
    assert marks == {span.name: text[span.start : span.end] for span in spans}


def test_far_spans_have_a_part_each_and_words_stay_whole() -> None:
    text = "слово " * 200
    parts = excerpt(text, [Span("gold", 0, 5), Span("A", 900, 905)])
    assert [(part.before, part.after) for part in parts] == [(False, True), (True, True)]
    for part in parts:
        assert set("".join(piece.text for piece in part.pieces).split()) == {"слово"}
    assert sum(len(piece.text) for part in parts for piece in part.pieces) < 300


def test_the_first_and_the_last_word_stay_whole_too() -> None:
    text = "длинноеслово" + " слово" * 30 + " длинноеслово"
    (part,) = excerpt(text, [Span("A", 85, 90), Span("B", len(text) - 90, len(text) - 85)])
    assert not part.before
    assert not part.after
    assert "".join(piece.text for piece in part.pieces) == text


def test_without_spans_the_text_begins() -> None:
    (part,) = excerpt("слово " * 200, [])
    assert not part.before
    assert part.after


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ("Кто написал «Войну и мир»?", "кто"),
        ("Кем был избран король?", "кто"),
        ("В чём хранят молоко?", "что"),
        ("Где и когда родилась Анна?", "где"),
        ("Откуда он приехал?", "откуда"),
        ("Куда?", "куда"),
        ("Сколькими языками он владеет?", "сколько"),
        ("В КАКОМ году?", "какой"),
        ("Как называется город, в котором что-то случилось?", "как"),
        ("Почему так?", "почему"),
        ("Зачем?", "зачем"),
        ("Чья это книга?", "чей"),
        ("Назовите столицу.", "другие"),
        ("Who was it?", "who"),
        ("Whose book is this?", "who"),
        ("How  many people live there?", "how many"),
        ("How old is he?", "how"),
        ("In which year?", "which"),
        ("Name it.", "other"),
        ("", "other"),
        ("На чём основан Linux, what?", "что"),
    ],
)
def test_the_first_question_word_in_its_plain_form(question: str, word: str) -> None:
    assert question_word(question) == word
    assert word in QUESTION_WORDS
