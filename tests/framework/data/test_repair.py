from hypothesis import given
from hypothesis import strategies as st

from framework.data.example import Answer
from framework.data.repair import place_answer, repair_answers

CONTEXTS = st.text(alphabet="абв \u00a0\ufeff\u0301😀.", min_size=1, max_size=40)


@given(CONTEXTS, st.data(), st.integers(-60, 60))
def test_an_answer_that_occurs_is_placed_where_it_is_nearest(context: str, data: st.DataObject, claim: int) -> None:
    start = data.draw(st.integers(0, len(context) - 1))
    text = context[start : data.draw(st.integers(start + 1, len(context)))]
    answer = place_answer(context, text, claim)
    if not text.strip():
        assert answer is None
        return
    assert answer is not None
    assert answer.text == text.strip()
    claimed = claim + text.index(answer.text)
    occurrences = [i for i in range(len(context)) if context[i : i + len(answer.text)] == answer.text]
    assert answer.start in occurrences
    assert abs(answer.start - claimed) == min(abs(i - claimed) for i in occurrences)


@given(CONTEXTS, st.data())
def test_a_right_answer_stays(context: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(context) - 1))
    text = context[start : data.draw(st.integers(start + 1, len(context)))]
    if text.strip():
        result = repair_answers(context, ((text, start),))
        assert not result.changed
        assert result.answers[0].start == start + len(text) - len(text.lstrip())


@given(CONTEXTS, st.text(alphabet="абвг", min_size=1, max_size=4), st.integers(-5, 50))
def test_a_text_that_does_not_occur_is_left_out(context: str, text: str, claim: int) -> None:
    assert (place_answer(context, text, claim) is None) == (text not in context)


def test_the_earlier_of_two_equally_near() -> None:
    assert place_answer("да нет да", "да", 3) == Answer("да", 0)
    assert place_answer("да .. нет да", "да", 6) == Answer("да", 10)


def test_a_byte_order_mark_counts() -> None:
    context = "\ufeffМосква — столица"
    assert repair_answers(context, (("Москва", 1),)) == repair_answers(context, (("Москва ", 1),))
    assert repair_answers(context, (("Москва", 0),)).answers == (Answer("Москва", 1),)
    assert repair_answers(context, (("Москва", 0),)).changed


def test_order_is_kept_and_losses_are_told() -> None:
    result = repair_answers("кот и пёс", (("лев", 0), ("пёс", 6), ("кот", 0)))
    assert result.answers == (Answer("пёс", 6), Answer("кот", 0))
    assert result.changed


def test_without_a_start_the_first_occurrence_is_taken() -> None:
    assert place_answer("нет да нет да", "да", None) == Answer("да", 4)
    once, twice = (repair_answers("нет да нет", ((text, None),)) for text in (" да", "нет"))
    assert (once.answers, once.changed, once.guessed) == ((Answer("да", 4),), False, False)
    assert (twice.answers, twice.changed, twice.guessed) == ((Answer("нет", 0),), False, True)
    assert repair_answers("нет да", (("лев", None),)).changed
