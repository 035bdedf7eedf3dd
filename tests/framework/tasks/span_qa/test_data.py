import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distil.framework.data.characters import without_blank_ends
from distil.framework.tasks.span_qa.data import Answer, Claim, QARow, joined, place_answer, repair_answers

CONTEXTS = st.text(alphabet="абв \u00a0\ufeff\u0301😀.", min_size=1, max_size=40)


def notes(context: str, *claims: tuple[str, int | None]) -> set[str]:
    return set(repair_answers(context, claims).notes)


@given(st.text(alphabet="аб😀", min_size=1, max_size=40), st.data(), st.integers(-60, 60))
def test_an_answer_that_occurs_is_placed_where_it_is_nearest(context: str, data: st.DataObject, claim: int) -> None:
    start = data.draw(st.integers(0, len(context) - 1))
    text = context[start : data.draw(st.integers(start + 1, len(context)))]
    placed = place_answer(context, text, claim)
    assert placed.answer is not None
    assert placed.answer.text == text
    occurrences = [i for i in range(len(context)) if context[i : i + len(text)] == text]
    assert placed.answer.start in occurrences
    assert abs(placed.answer.start - claim) == min(abs(i - claim) for i in occurrences)
    assert ("repaired" in placed.notes) == (claim not in occurrences)
    assert ("nearest" in placed.notes) == (claim not in occurrences and len(occurrences) > 1)


@given(CONTEXTS, st.data())
def test_a_right_answer_stays(context: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(context) - 1))
    text = context[start : data.draw(st.integers(start + 1, len(context)))]
    shown, cut = without_blank_ends(text)
    if shown:
        result = repair_answers(context, ((text, start),))
        assert not result.notes
        assert result.answers == (Answer(shown, start + cut),)


@given(CONTEXTS, st.text(alphabet="гд", min_size=1, max_size=4), st.integers(-5, 50))
def test_a_text_that_does_not_occur_is_left_out(context: str, text: str, claim: int) -> None:
    assert place_answer(context, text, claim).answer is None


def test_the_earlier_of_two_equally_near() -> None:
    assert place_answer("да нет да", "да", 3).answer == Answer("да", 0)
    assert place_answer("да .. нет да", "да", 6).answer == Answer("да", 10)


def test_a_byte_order_mark_counts() -> None:
    context = "\ufeffМосква — столица"
    assert repair_answers(context, (("Москва", 1),)) == repair_answers(context, (("Москва ", 1),))
    assert repair_answers(context, (("Москва", 0),)).answers == (Answer("Москва", 1),)
    assert notes(context, ("Москва", 0)) == {"repaired"}
    assert notes(context, ("\ufeffМосква\u200b", 0)) == set()


def test_order_is_kept_and_losses_are_told() -> None:
    result = repair_answers("кот и пёс", (("лев", 0), ("пёс", 6), ("кот", 0)))
    assert result.answers == (Answer("пёс", 6), Answer("кот", 0))
    assert result.notes == {"repaired"}


def test_without_a_start_the_first_occurrence_is_taken() -> None:
    assert place_answer("нет да нет да", "да", None).answer == Answer("да", 4)
    once, twice = (repair_answers("нет да нет", ((text, None),)) for text in (" да", "нет"))
    assert (once.answers, once.notes) == ((Answer("да", 4),), set())
    assert (twice.answers, twice.notes) == ((Answer("нет", 0),), {"first_of_several"})
    assert notes("нет да", ("лев", None)) == {"repaired"}
    assert notes("Кот и КОТ", ("кот", None)) == {"respelled", "first_of_several"}


@pytest.mark.parametrize(
    ("context", "text", "found"),
    [
        ("в 1\u00a0000 км от Омска", "1 000 км", "1\u00a0000 км"),
        ("в 1\u202f000 км от Омска", "1\u00a0000 км", "1\u202f000 км"),
        ("Анна\r\nПетрова", "Анна\nПетрова", "Анна\r\nПетрова"),
        ("Анна Петрова", "Анна\n Петрова", "Анна Петрова"),
        (unicodedata.normalize("NFD", "город Йошкар-Ола"), "Йошкар-Ола", unicodedata.normalize("NFD", "Йошкар-Ола")),
        ("город Йошкар-Ола", unicodedata.normalize("NFD", "Йошкар-Ола"), "Йошкар-Ола"),
        ("фирма AT&amp;T там", "AT&T", "AT&amp;T"),
        ("фирма AT&T там", "AT&amp;T", "AT&T"),
        ("в городе Тула", "тула", "Тула"),
    ],
)
def test_the_contexts_spelling_is_the_answer(context: str, text: str, found: str) -> None:
    begin = context.index(found)
    for claim, kinds in ((begin, {"respelled"}), (0, {"respelled", "repaired"}), (None, {"respelled"})):
        result = repair_answers(context, ((text, claim),))
        assert result.answers == (Answer(found, begin),)
        assert result.notes == kinds or begin == 0


def test_another_spelling_in_the_claimed_place_comes_before_the_right_one_elsewhere() -> None:
    context = "Тула, тула и ТУЛА"
    assert repair_answers(context, (("тула", 13),)).answers == (Answer("ТУЛА", 13),)
    assert repair_answers(context, (("тула", 12),)).answers == (Answer("тула", 6),)
    assert notes(context, ("тула", 12)) == {"repaired"}
    assert notes(context, ("ТУла", 11)) == {"respelled", "repaired", "nearest"}


def row(place: int, id: str, *answers: Claim, question: str = "Кто?", **change: bool) -> QARow:
    return QARow(f"row[{place}]", id, "Кот спит.", question, answers, **change)


def test_one_row_for_each_answer() -> None:
    rows = [row(0, "a", ("Кот", 0)), row(1, "b", ("Кот", 0)), row(2, "a", ("спит", 4)), row(3, "a", ("Кот", None))]
    first, second = joined(rows)
    assert first.answers == (("Кот", 0), ("спит", 4), ("Кот", None))
    assert (first.place, first.notes) == ("row[0]", ("joined",))
    assert second is rows[1]


def test_a_repeated_row_adds_nothing() -> None:
    (only,) = joined([row(0, "a", ("Кот", 0)), row(1, "a", ("Кот", 0))])
    assert (only.answers, only.notes) == ((("Кот", 0),), ("repeated",))


def test_rows_that_only_share_an_id_stay_apart() -> None:
    rows = [row(0, "a", ("Кот", 0)), row(1, "a", ("Кот", 0), question="Где?")]
    assert joined(rows) == rows


def test_unlabelled_and_impossible_rows() -> None:
    none = QARow("row[0]", "a", "Кот спит.", "Кто?", None)
    assert joined([none, none])[0].answers is None
    assert joined([none, row(1, "a", ("Кот", 0))])[0].answers == (("Кот", 0),)
    assert joined([row(0, "a"), row(1, "a", impossible=True)])[0].impossible
