"""The best spans, by signals."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from distil.framework.data.features import WindowSettings
from distil.framework.signals.algebra import NULL, Signals, concat
from distil.framework.tasks.span_qa import decode_signals as module
from distil.framework.tasks.span_qa.data import QAExample
from distil.framework.tasks.span_qa.decode import decode
from distil.framework.tasks.span_qa.decode_signals import decode_signals
from distil.framework.tasks.span_qa.predictions import IMPOSSIBLE
from distil.framework.tasks.span_qa.windows import cut_windows
from distil.framework.tasks.span_qa.write import write_spans
from tests.framework.signals.made_up import entries, of_masses, signals_of
from tests.tokenizing import KINDS, contexts, tokenizer

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
    assert [span["logit"] for span in found.n_best] == pytest.approx([np.log(span[0]) for span in best], abs=1e-5)
    legal = {(a, b) for _, a, b in spans}
    assert all((span["start"], span["end"]) in legal for span in found.n_best)
    assert all(span["text"] == SENTENCE[span["start"] : span["end"]] for span in found.n_best)
    nothing = mass(signals, 0, NULL) * mass(signals, 1, NULL) if null else 0.0
    total = sum(span[0] for span in best) + nothing
    assert [span["score"] for span in found.n_best] == pytest.approx([span[0] / total for span in best], abs=1e-6)
    assert found.null_score == (pytest.approx(nothing / total, abs=1e-6) if null else None)


@given(st.lists(st.tuples(rows(), rows()), min_size=1, max_size=4), st.integers(1, 500))
@settings(max_examples=15)
def test_questions_together_are_answered_as_each_alone(drawn: list[Any], together: int) -> None:
    texts = [SENTENCE, " " + SENTENCE, SENTENCE + " ", SENTENCE][: len(drawn)]
    alone = [signals_of(*one) for one in drawn]
    expected = [decode_signals([text], one, 5, 3, True)[0] for text, one in zip(texts, alone, strict=True)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_SPANS", together)
        assert decode_signals(texts, concat(alone), 5, 3, True) == expected


@given(st.sampled_from(list(KINDS)), contexts, st.integers(0, 99), st.sampled_from([0.1, 3.0, 30.0]))
@settings(max_examples=30)
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
    (expected,) = decode([context], windows, logits, n_best=20, max_answer_length=9999, null=True)
    (found,) = decode_signals([context], write_spans(1, windows, logits), n_best=20, max_words=9999, null=True)
    # Equal to single precision; spans whose logits are as near as that may change places.
    whole_logits = {
        (span["start"], span["end"]): span["logit"] - expected.n_best[0]["logit"] for span in expected.n_best
    }
    for span, other in zip(found.n_best, expected.n_best, strict=True):
        logit = span["logit"] - found.n_best[0]["logit"]
        assert logit == pytest.approx(whole_logits.get((span["start"], span["end"]), logit), abs=1e-5 * (1 + scale))
        assert logit == pytest.approx(other["logit"] - expected.n_best[0]["logit"], abs=1e-5 * (1 + scale))
        assert span["score"] == pytest.approx(other["score"], abs=1e-5 * (1 + scale))
    assert found.no_answer_score == pytest.approx(expected.no_answer_score, abs=1e-5 * (1 + scale))


def test_a_signal_that_names_nothing_has_no_answer_and_can_be_written_as_numbers() -> None:
    empty = of_masses({}, {}, tail=[1.0, 1.0], tail_size=[5, 5])
    (found,) = decode_signals([SENTENCE], empty, 20, 30, null=True)
    assert found.n_best == ()
    assert found.null_logit == IMPOSSIBLE
    assert found.answer()["text"] == ""
