"""Answers' scores as a signal."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.evaluation.signal_decode import decode_signal
from framework.generative.signal import answers_signal
from framework.signals.span import probabilities, temper

places = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 9)).map(lambda p: (p[0], p[0] + p[1])), max_size=4)
answers = st.lists(st.tuples(places, st.floats(-80, 0)), min_size=1, max_size=8)


@given(answers)
def test_masses_are_those_of_the_answers(found: list[tuple[list[tuple[int, int]], float]]) -> None:
    spans, scores = [span for span, _ in found], np.asarray([score for _, score in found])
    signal = answers_signal(spans, scores, unanswerable=True)
    share = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
    for side, character in ((signal.start, lambda span: span[0]), (signal.end, lambda span: span[1] - 1)):
        mass, null, tail = probabilities(side)
        assert mass.sum() + null == pytest.approx(1, abs=1e-9)
        assert tail == 0
        assert null == pytest.approx(sum(share[n] for n, alike in enumerate(spans) if not alike), abs=1e-9)
        assert len(set(side.chars.tolist())) == len(side.chars)
        expected = np.zeros(40)
        for number, alike in enumerate(spans):
            for span in alike:
                expected[character(span)] += share[number] / len(alike)
        assert np.allclose(np.bincount(side.chars, mass, 40), expected, atol=1e-9)


def test_repeated_places_share_and_the_rest_is_null() -> None:
    signal = answers_signal([[(0, 4), (10, 14)], [], [(0, 2)]], np.log([0.6, 0.3, 0.1]), unanswerable=True)
    mass, null, _ = probabilities(signal.start)
    assert signal.start.chars.tolist() == [0, 10]
    assert mass == pytest.approx([0.4, 0.3])
    assert null == pytest.approx(0.3)
    assert signal.end.chars.tolist() == [1, 3, 13]


def test_what_is_not_located_does_not_count_where_every_question_has_an_answer() -> None:
    signal = answers_signal([[(0, 4), (10, 14)], [], [(0, 2)]], np.log([0.6, 0.3, 0.1]), unanswerable=False)
    mass, null, _ = probabilities(signal.start)
    assert mass == pytest.approx(np.asarray([0.4, 0.3]) / 0.7)
    assert null == 0


@pytest.mark.parametrize("unanswerable", [False, True])
def test_nothing_located_is_all_null(unanswerable: bool) -> None:
    signal = temper(answers_signal([[], []], np.asarray([-3.0, -4.0]), unanswerable=unanswerable), 2.0)
    for side in (signal.start, signal.end):
        assert probabilities(side)[1] == pytest.approx(1)
    assert decode_signal("где?", signal, 5, 5, null=True).answer().text == ""
