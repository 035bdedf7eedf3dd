"""The mass that a signal gives the gold answer."""

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.signals.algebra import NULL, gold_log_likelihood
from framework.tasks.span_qa.example import Answer, QAExample
from framework.tasks.span_qa.gold import gold_outcomes
from tests.framework.signals.made_up import of_masses
from tests.tokenizing import contexts

CONTEXT = "Пётр жил в Туле, да."
TULA = CONTEXT.index("Туле")


def gold(start: Mapping[int, float], end: Mapping[int, float], *answers: str) -> list[float]:
    found = tuple(Answer(text, CONTEXT.index(text)) for text in answers)
    outcomes = gold_outcomes([QAExample("1", CONTEXT, "Где?", found)])
    likelihoods: list[float] = np.exp(gold_log_likelihood(of_masses(start, end), outcomes)).tolist()
    return likelihoods


def test_the_mass_on_a_word_counts_for_every_place_in_it() -> None:
    """One teacher has the token `Туле`, another `Ту`, `ле` and `,`."""
    start = {0: 0.3, TULA: 0.4, TULA + 2: 0.1, NULL: 0.2}
    end = {TULA + 1: 0.2, TULA + 3: 0.3, TULA + 4: 0.1, TULA + 6: 0.4}
    assert gold(start, end, "Туле") == pytest.approx([0.5, 0.6])
    assert gold(start, end, "жил в Туле") == pytest.approx([1e-6, 0.6])


def test_of_several_answers_the_first_counts() -> None:
    one = {0: 0.3, TULA: 0.7}
    assert gold(one, one, "Пётр", "Туле") == pytest.approx([0.3, 0.3])


def test_no_answer_is_the_null_mass() -> None:
    assert gold({0: 0.75, NULL: 0.25}, {0: 0.5, NULL: 0.5}) == pytest.approx([0.25, 0.5])


def test_what_was_left_out_has_the_tails_average_and_the_impossible_the_least_mass() -> None:
    signals = of_masses({0: 0.6}, {0: 1.0}, tail=[0.4, 0.0], tail_size=[8, 0])
    found = gold_log_likelihood(signals, gold_outcomes([QAExample("1", CONTEXT, "Где?", (Answer("Туле", TULA),))]))
    assert np.exp(found) == pytest.approx([0.05, 1e-6])


@given(st.lists(st.tuples(contexts, st.integers(0), st.integers(0)), min_size=1, max_size=4))
def test_words_end_where_white_space_or_the_text_does(drawn: list[tuple[str, int, int]]) -> None:
    several, expected = [], []
    for number, (context, one, other) in enumerate(drawn):
        begin, last = sorted((one % len(context), other % len(context)))
        several.append(QAExample(str(number), context, "Где?", (Answer(context[begin : last + 1], begin),)))
        for place in (begin, last):
            before = [at for at in range(place) if context[at].isspace()]
            after = [at for at in range(place + 1, len(context)) if context[at].isspace()]
            expected.append([max(before, default=-1) + 1, min(after, default=len(context)) - 1])
    nothing = QAExample("no", "Да.", "Где?", ())
    assert gold_outcomes([*several, nothing]).tolist() == [*expected, [NULL, NULL], [NULL, NULL]]
