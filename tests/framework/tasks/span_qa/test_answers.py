"""Answers' scores as signals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.signals.algebra import NULL, concat, temper
from framework.tasks.span_qa.answers import answers_signals
from framework.tasks.span_qa.signal_decode import decode_signals
from tests.framework.signals.made_up import assert_same, entries, masses

places = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 9)).map(lambda p: (p[0], p[0] + p[1])), max_size=4)
answers = st.lists(st.tuples(places, st.floats(-80, 0)), min_size=1, max_size=8)


@given(st.lists(answers, min_size=1, max_size=3), st.booleans())
def test_masses_are_those_of_the_answers(
    found: list[list[tuple[list[tuple[int, int]], float]]], unanswerable: bool
) -> None:
    spans = [[span for span, _ in of_example] for of_example in found]
    scores = [np.asarray([score for _, score in of_example]) for of_example in found]
    signals = answers_signals(spans, scores, unanswerable=unanswerable)
    for number, (of_example, logs) in enumerate(zip(spans, scores, strict=True)):
        counts = np.asarray([unanswerable or bool(alike) or not any(of_example) for alike in of_example])
        share = np.where(counts, np.exp(logs - logs[counts].max()), 0)
        share /= share.sum()
        for head, character in ((0, lambda span: span[0]), (1, lambda span: span[1] - 1)):
            expected = np.zeros(42)
            for mass, alike in zip(share, of_example, strict=True):
                for place in map(character, alike):
                    expected[place + 1] += mass / len(alike)
                if not alike:
                    expected[0] += mass
            assert masses(signals, 40)[2 * number + head] == pytest.approx(expected, abs=1e-6)
            keys = [key for key, _ in entries(signals, 2 * number + head)]
            assert keys == sorted(set(keys))
    alone = [answers_signals([one], [logs], unanswerable=unanswerable) for one, logs in zip(spans, scores, strict=True)]
    assert_same(signals, concat(alone))


def test_repeated_places_share_and_the_rest_is_null() -> None:
    spans = [[(0, 4), (10, 14)], [], [(0, 2)]]
    signals = answers_signals([spans], [np.log([0.6, 0.3, 0.1])], unanswerable=True)
    assert dict(entries(signals, 0)) == pytest.approx({NULL: 0.3, 0: 0.4, 10: 0.3})
    assert [key for key, _ in entries(signals, 1)] == [NULL, 1, 3, 13]


def test_what_is_not_located_does_not_count_where_every_question_has_an_answer() -> None:
    spans = [[(0, 4), (10, 14)], [], [(0, 2)]]
    signals = answers_signals([spans], [np.log([0.6, 0.3, 0.1])], unanswerable=False)
    assert dict(entries(signals, 0)) == pytest.approx({NULL: 0, 0: 0.4 / 0.7, 10: 0.3 / 0.7})


@pytest.mark.parametrize("unanswerable", [False, True])
def test_nothing_located_is_all_null(unanswerable: bool) -> None:
    signals = temper(answers_signals([[[], []]], [np.asarray([-3.0, -4.0])], unanswerable=unanswerable), 2.0)
    assert [entries(signals, head) for head in range(2)] == [[(NULL, pytest.approx(1))]] * 2
    (found,) = decode_signals(["где?"], signals, 5, 5, null=True)
    assert found.answer().text == ""
