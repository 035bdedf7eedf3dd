import itertools
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from framework.data.features import WindowSettings
from framework.signals.algebra import NULL, Signals
from framework.tasks.span_qa.data import QAExample
from framework.tasks.span_qa.decode import IMPOSSIBLE, SpanPrediction, WindowLogits, decode, decode_signals
from framework.tasks.span_qa.outputs import window_logits
from framework.tasks.span_qa.windows import cut_windows
from framework.tasks.span_qa.write import write_spans
from tests.framework.signals.made_up import entries, of_masses, signals_of
from tests.tokenizing import KINDS, contexts, tokenizer

CONTEXT = "Анна жила в Твери"
OFFSETS = np.array([[0, 4], [5, 9], [10, 11], [12, 17]])


def window(
    starts: list[float],
    ends: list[float],
    offsets: np.ndarray = OFFSETS,
    null: tuple[float, float] = (0.0, 0.0),
    keep: list[bool] | None = None,
) -> WindowLogits:
    return WindowLogits(
        np.array(starts, dtype=np.float32),
        np.array(ends, dtype=np.float32),
        np.asarray(offsets).reshape(len(starts), 2),
        *null,
        np.ones(len(starts), dtype=bool) if keep is None else np.array(keep),
    )


def test_best_span_and_scores() -> None:
    found = decode(CONTEXT, [window([5, 0, 0, 0], [0, 0, 0, 7])], n_best=2)
    best, second = found.n_best
    assert (best.text, best.start, best.end, best.logit) == (CONTEXT, 0, 17, 12.0)
    # Three spans that end at the last token tie at 7: the earliest is next.
    assert (second.text, second.logit) == ("жила в Твери", 7.0)
    assert best.score == pytest.approx(1 / (1 + np.exp(-5)))
    assert best.score + second.score == pytest.approx(1)
    assert found.null_logit is None
    assert found.no_answer_score is None


def test_length_limit_counts_tokens() -> None:
    found = decode(CONTEXT, [window([5, 0, 0, 0], [0, 1, 0, 7])], max_answer_length=2)
    assert found.answer().text == "в Твери"
    assert max(len(span.text.split()) for span in found.n_best) == 2


def test_answers_start_only_where_the_window_gives_the_most_context() -> None:
    early = window([9, 0], [0, 9], OFFSETS[:2], keep=[True, False])
    late = window([9, 1], [0, 3], OFFSETS[2:], keep=[False, True])
    found = decode(CONTEXT, [early, late])
    assert [span.text for span in found.n_best] == ["Анна жила", "Анна", "Твери"]


def test_equal_characters_count_once_with_their_highest_logit() -> None:
    same = [window([1, 0], [0, 1], OFFSETS[:2]), window([3, 0], [0, 1], OFFSETS[:2])]
    found = decode(CONTEXT, same)
    assert [(span.text, span.logit) for span in found.n_best] == [
        ("Анна жила", 4.0),
        ("Анна", 3.0),
        ("жила", 1.0),
    ]


def test_many_copies_of_the_best_span_do_not_crowd_out_the_next() -> None:
    copies = [window([9 + i, 0], [0, -9], OFFSETS[:2]) for i in range(10)]
    found = decode(CONTEXT, copies, n_best=3)
    assert [(span.text, span.logit) for span in found.n_best] == [
        ("Анна", 18.0),
        ("Анна жила", 9.0),
        ("жила", -9.0),
    ]


def test_no_answer_is_a_candidate_with_its_smallest_logit() -> None:
    windows = [window([4], [0], OFFSETS[:1], null=(3, 4)), window([1], [1], OFFSETS[1:2], null=(2, 3))]
    found = decode(CONTEXT, windows, null=True)
    assert found.null_logit == 5.0
    assert found.no_answer_score == 1.0
    assert found.null_score is not None
    assert sum(span.score for span in found.n_best) + found.null_score == pytest.approx(1)
    assert found.answer(threshold=0.5) == SpanPrediction("", 0, 0, found.null_score, 5.0)
    assert found.answer(threshold=1.0).text == "Анна"


@pytest.mark.parametrize(
    "windows",
    [
        [],
        [window([], [], OFFSETS[:0])],
        [window([-np.inf] * 4, [-np.inf] * 4)],
        [window([np.nan] * 4, [1.0] * 4)],
        [window([np.inf, 0, 0, 0], [-np.inf] * 4)],
        [window([np.finfo(np.float32).min] * 4, [0.0] * 4)],
        [window([0, 0, 0, 0], [0, 0, 0, 0], keep=[False] * 4)],
        [window([0, 1], [0, 1], np.array([[4, 4], [4, 4]]))],
        [window([-np.inf, -np.inf], [0, 0], OFFSETS[:2], null=(-np.inf, np.nan))],
    ],
)
def test_empty_text_when_nothing_is_legal(windows: list[WindowLogits]) -> None:
    found = decode(CONTEXT, windows)
    assert found.n_best == ()
    assert found.answer() == SpanPrediction("", 0, 0, 0.0, IMPOSSIBLE)
    with_null = decode(CONTEXT, windows, null=True)
    assert with_null.answer().text == ""
    assert with_null.null_score == 1.0
    assert np.isfinite([with_null.null_logit, with_null.no_answer_score]).all()


def test_one_token() -> None:
    found = decode(CONTEXT, [window([-1], [-2], OFFSETS[3:])], max_answer_length=30)
    assert found.n_best == (SpanPrediction("Твери", 12, 17, 1.0, -3.0),)


def test_shapes_and_limits_are_checked() -> None:
    with pytest.raises(ValueError, match=r"expected \(C,\)"):
        WindowLogits(np.zeros(2), np.zeros(3), np.zeros((2, 2), int), 0.0, 0.0, np.ones(2, bool))
    with pytest.raises(ValueError, match="n_best is 0"):
        decode(CONTEXT, [], n_best=0)
    with pytest.raises(ValueError, match="max_answer_length is 0"):
        decode(CONTEXT, [], max_answer_length=0)


@st.composite
def windows_over(draw: st.DrawFn, length: int) -> list[WindowLogits]:
    """Windows with many ties, some impossible tokens, empty tokens and tokens that share their characters."""
    logit = st.one_of(st.integers(-3, 3).map(float), st.sampled_from([-np.inf, np.nan]))
    made = []
    for _ in range(draw(st.integers(0, 3))):
        cuts = sorted(draw(st.lists(st.integers(0, length), max_size=8)))
        offsets = [pair for pair in pairwise(cuts) for _ in range(draw(st.integers(1, 2)))]
        count = len(offsets)
        made.append(
            window(
                draw(st.lists(logit, min_size=count, max_size=count)),
                draw(st.lists(logit, min_size=count, max_size=count)),
                np.array(offsets, dtype=np.int32),
                keep=draw(st.lists(st.booleans(), min_size=count, max_size=count)),
            )
        )
    return made


def every_span(windows: list[WindowLogits], longest: int) -> list[tuple[float, int, int]]:
    """By two plain loops: (logit, start, end) of each legal span's characters, best first."""
    best: dict[tuple[int, int], float] = {}
    for one in windows:
        for s in range(len(one.start_logits)):
            for e in range(s, min(s + longest, len(one.end_logits))):
                logit = float(one.start_logits[s]) + float(one.end_logits[e])
                span = (int(one.offsets[s][0]), int(one.offsets[e][1]))
                if one.keep[s] and np.isfinite(logit) and span[0] < span[1]:
                    best[span] = max(logit, best.get(span, logit))
    return sorted(((logit, *span) for span, logit in best.items()), key=lambda row: (-row[0], *row[1:]))


@settings(max_examples=300, deadline=None)
@given(windows_over(len(CONTEXT)), st.integers(1, 6), st.integers(1, 40))
def test_equals_exhaustive_search(windows: list[WindowLogits], longest: int, n_best: int) -> None:
    found = decode(CONTEXT, windows, n_best, longest)
    expected = every_span(windows, longest)[:n_best]
    assert [(span.logit, span.start, span.end) for span in found.n_best] == expected
    assert all(span.text == CONTEXT[span.start : span.end] for span in found.n_best)
    total = sum(np.exp(logit) for logit, _, _ in expected)
    assert [span.score for span in found.n_best] == pytest.approx([np.exp(x) / total for x, _, _ in expected])


SENTENCE = "Анна жила  в Твери\nдо войны."


@st.composite
def rows(draw: st.DrawFn) -> list[tuple[int, float]]:
    """Entries on some characters, several on one now and then, a few of them impossible, and NULL."""
    chars = draw(st.lists(st.integers(0, len(SENTENCE) - 1), max_size=9))
    logs = draw(st.lists(st.floats(-9, 9) | st.just(-np.inf), min_size=len(chars), max_size=len(chars)))
    return [(NULL, draw(st.floats(-9, 9))), *zip(chars, logs, strict=True)]


def mass(signals: Signals, head: int, char: int) -> float:
    return sum(mass for key, mass in entries(signals, head) if key == char)


@given(st.tuples(rows(), rows()), st.integers(1, 5), st.integers(1, 6), st.booleans())
def test_the_best_of_all_spans_are_found(drawn: Any, n_best: int, max_words: int, null: bool) -> None:
    signals = signals_of(*drawn)
    spans = [
        (mass(signals, 0, a) * mass(signals, 1, b), a, b + 1)
        for a, b in itertools.combinations_with_replacement(range(len(SENTENCE)), 2)
        if len(SENTENCE[a : b + 1].split()) + (SENTENCE[a].isspace() and not SENTENCE[: a + 1].isspace()) <= max_words
    ]
    best = sorted((span for span in spans if span[0] > 0), key=lambda span: -span[0])[:n_best]
    (found,) = decode_signals([SENTENCE], signals, n_best, max_words, null)
    assert [span.logit for span in found.n_best] == pytest.approx([np.log(span[0]) for span in best], abs=1e-5)
    legal = {(a, b) for _, a, b in spans}
    assert all((span.start, span.end) in legal for span in found.n_best)
    assert all(span.text == SENTENCE[span.start : span.end] for span in found.n_best)
    nothing = mass(signals, 0, NULL) * mass(signals, 1, NULL) if null else 0.0
    total = sum(span[0] for span in best) + nothing
    assert [span.score for span in found.n_best] == pytest.approx([span[0] / total for span in best], abs=1e-6)
    assert found.null_score == (pytest.approx(nothing / total, abs=1e-6) if null else None)


@given(st.sampled_from(list(KINDS)), contexts, st.integers(0, 99), st.sampled_from([0.1, 3.0, 30.0]))
@settings(max_examples=80)
def test_of_one_window_the_signal_gives_the_answers_of_the_logits(
    kind: str, context: str, seed: int, scale: float
) -> None:
    """As long as no answer is too long, and no two tokens share a character, which a signal cannot tell apart."""
    example = QAExample("1", context, "Где?", None)
    windows = cut_windows([example], tokenizer(kind), WindowSettings(max_length=9999))
    spans = windows.spans[windows.support]
    assume(len(spans) and (spans[1:, 0] >= spans[:-1, 1]).all())
    random = np.random.default_rng(seed)
    logits = [(random.normal(size=(2, length)) * scale).astype(np.float32) for length in windows.lengths]
    (whole,) = window_logits(1, windows, logits)
    expected = decode(context, whole, n_best=20, max_answer_length=9999, null=True)
    (found,) = decode_signals([context], write_spans(1, windows, logits), n_best=20, max_words=9999, null=True)
    # Equal to single precision; spans whose logits are as near as that may change places.
    whole_logits = {(span.start, span.end): span.logit - expected.n_best[0].logit for span in expected.n_best}
    for span, other in zip(found.n_best, expected.n_best, strict=True):
        logit = span.logit - found.n_best[0].logit
        assert logit == pytest.approx(whole_logits.get((span.start, span.end), logit), abs=1e-5 * (1 + scale))
        assert logit == pytest.approx(other.logit - expected.n_best[0].logit, abs=1e-5 * (1 + scale))
        assert span.score == pytest.approx(other.score, abs=1e-5 * (1 + scale))
    assert found.no_answer_score == pytest.approx(expected.no_answer_score, abs=1e-5 * (1 + scale))


def test_a_signal_that_names_nothing_has_no_answer_and_can_be_written_as_numbers() -> None:
    empty = of_masses({}, {}, tail=[1.0, 1.0], tail_size=[5, 5])
    (found,) = decode_signals([SENTENCE], empty, 20, 30, null=True)
    assert found.n_best == ()
    assert found.null_logit == IMPOSSIBLE
    assert found.answer().text == ""
