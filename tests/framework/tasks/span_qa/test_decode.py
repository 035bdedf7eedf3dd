"""The best spans, by logits over the tokens of windows."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distil.framework.segments import bounds
from distil.framework.tasks.span_qa import decode as module
from distil.framework.tasks.span_qa.predictions import IMPOSSIBLE, Prediction, SpanPrediction
from distil.framework.tasks.span_qa.windows import Windows

CONTEXT = "Анна жила в Твери"
OFFSETS = np.array([[0, 4], [5, 9], [10, 11], [12, 17]])


@dataclass(frozen=True)
class WindowLogits:
    """What a model says of the C context tokens of one window. keep: whether answers may start there."""

    start_logits: np.ndarray
    end_logits: np.ndarray
    offsets: np.ndarray
    null_start: float
    null_end: float
    keep: np.ndarray


def decode(context: str, windows: Sequence[WindowLogits], *limits: int, **named: int) -> Prediction:
    (found,) = decode_several([context], [windows], *limits, **named)
    return found


def decode_several(
    contexts: Sequence[str], questions: Sequence[Sequence[WindowLogits]], *limits: int, **named: int
) -> list[Prediction]:
    """Each window as it comes from a model: with a token before the context's, which stands for "no answer here"."""
    windows = [one for of_question in questions for one in of_question]
    sizes = [1 + len(one.start_logits) for one in windows]
    rows = bounds(np.asarray(sizes, np.int64))
    support = np.ones(rows[-1], bool)
    support[rows[:-1]] = False
    no, offsets = np.zeros((0, 2), np.int32), [np.vstack([[[0, 0]], one.offsets]) for one in windows]
    columns = Windows(
        rows=rows,
        input_ids=np.zeros(rows[-1], np.int32),
        token_types=None,
        support=support,
        spans=np.concatenate([no, *offsets]).astype(np.int32),
        best=np.concatenate([np.zeros(0, bool), *(np.append(False, one.keep) for one in windows)]).astype(bool),
        null=np.zeros(len(windows), np.int32),
        example=np.repeat(np.arange(len(questions)), [len(one) for one in questions]).astype(np.int32),
        reach=np.zeros((len(windows), 2), np.int32),
    )
    logits = [
        np.stack([np.append(one.null_start, one.start_logits), np.append(one.null_end, one.end_logits)]).astype(
            np.float32
        )
        for one in windows
    ]
    return module.decode(contexts, columns, logits, *limits, **named)


def answer(text: str, start: int, end: int, score: float, logit: float) -> SpanPrediction:
    return {"text": text, "start": start, "end": end, "score": score, "logit": logit}


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
    assert (best["text"], best["start"], best["end"], best["logit"]) == (CONTEXT, 0, 17, 12.0)
    # Three spans that end at the last token tie at 7: the earliest is next.
    assert (second["text"], second["logit"]) == ("жила в Твери", 7.0)
    assert best["score"] == pytest.approx(1 / (1 + np.exp(-5)))
    assert best["score"] + second["score"] == pytest.approx(1)
    assert found.null_logit is None
    assert found.no_answer_score is None


def test_length_limit_counts_tokens() -> None:
    found = decode(CONTEXT, [window([5, 0, 0, 0], [0, 1, 0, 7])], max_answer_length=2)
    assert found.answer()["text"] == "в Твери"
    assert max(len(span["text"].split()) for span in found.n_best) == 2


def test_answers_start_only_where_the_window_gives_the_most_context() -> None:
    early = window([9, 0], [0, 9], OFFSETS[:2], keep=[True, False])
    late = window([9, 1], [0, 3], OFFSETS[2:], keep=[False, True])
    found = decode(CONTEXT, [early, late])
    assert [span["text"] for span in found.n_best] == ["Анна жила", "Анна", "Твери"]


def test_equal_characters_count_once_with_their_highest_logit() -> None:
    same = [window([1, 0], [0, 1], OFFSETS[:2]), window([3, 0], [0, 1], OFFSETS[:2])]
    found = decode(CONTEXT, same)
    assert [(span["text"], span["logit"]) for span in found.n_best] == [
        ("Анна жила", 4.0),
        ("Анна", 3.0),
        ("жила", 1.0),
    ]


def test_many_copies_of_the_best_span_do_not_crowd_out_the_next() -> None:
    copies = [window([9 + i, 0], [0, -9], OFFSETS[:2]) for i in range(10)]
    found = decode(CONTEXT, copies, n_best=3)
    assert [(span["text"], span["logit"]) for span in found.n_best] == [
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
    assert sum(span["score"] for span in found.n_best) + found.null_score == pytest.approx(1)
    assert found.answer(threshold=0.5) == answer("", 0, 0, found.null_score, 5.0)
    assert found.answer(threshold=1.0)["text"] == "Анна"


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
    assert found.answer() == answer("", 0, 0, 0.0, IMPOSSIBLE)
    with_null = decode(CONTEXT, windows, null=True)
    assert with_null.answer()["text"] == ""
    assert with_null.null_score == 1.0
    assert np.isfinite([with_null.null_logit, with_null.no_answer_score]).all()


def test_one_token() -> None:
    found = decode(CONTEXT, [window([-1], [-2], OFFSETS[3:])], max_answer_length=30)
    assert found.n_best == (answer("Твери", 12, 17, 1.0, -3.0),)


def test_limits_are_checked() -> None:
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


@settings(max_examples=100, deadline=None)
@given(windows_over(len(CONTEXT)), st.integers(1, 6), st.integers(1, 40))
def test_equals_exhaustive_search(windows: list[WindowLogits], longest: int, n_best: int) -> None:
    found = decode(CONTEXT, windows, n_best, longest)
    expected = every_span(windows, longest)[:n_best]
    assert [(span["logit"], span["start"], span["end"]) for span in found.n_best] == expected
    assert all(span["text"] == CONTEXT[span["start"] : span["end"]] for span in found.n_best)
    total = sum(np.exp(logit) for logit, _, _ in expected)
    assert [span["score"] for span in found.n_best] == pytest.approx([np.exp(x) / total for x, _, _ in expected])


@settings(max_examples=25, deadline=None)
@given(st.lists(windows_over(len(CONTEXT)), max_size=5), st.integers(1, 6), st.integers(1, 30), st.integers(1, 200))
def test_questions_together_are_answered_as_each_alone(
    questions: list[list[WindowLogits]], longest: int, n_best: int, together: int
) -> None:
    expected = [decode(CONTEXT, windows, n_best, longest, null=True) for windows in questions]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_SPANS", together)
        assert decode_several([CONTEXT] * len(questions), questions, n_best, longest, null=True) == expected


def test_of_many_starts_with_equal_logits_none_is_passed_over() -> None:
    """However few are looked at first."""
    count = 120
    offsets = np.stack([np.arange(count), np.arange(count) + 1], 1)
    random = np.random.default_rng(0)
    for levels in (1, 2, 5):
        logits = [random.integers(0, levels, count).astype(float).tolist() for _ in range(2)]
        one = window(*logits, offsets)
        for n_best in (1, 3, 20):
            found = decode("x" * count, [one], n_best, 4)
            assert [(span["logit"], span["start"], span["end"]) for span in found.n_best] == every_span([one], 4)[
                :n_best
            ]
