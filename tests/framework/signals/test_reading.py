"""Signals through any pair of tokenizers: mass is conserved, and nothing is asked twice or lost."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.data.windows import Windows, cut_windows
from framework.data.windows_section import WindowSettings
from framework.signals.reading import dense, map_characters, read_window
from framework.signals.span import Side, SpanSignal, keep_top, temper, write_signal
from framework.tasks.span_items import span_items
from framework.tasks.span_outputs import teacher_windows
from framework.tasks.span_qa.example import Answer, QAExample
from tests.tokenizing import KINDS, contexts, tokenizer

NARROW = WindowSettings(max_length=32, doc_stride=6, max_question=6)


def example(context: str, *answers: Answer) -> QAExample:
    return QAExample("1", context, "Где ёж?", answers or None)


def cut(context: str, kind: str, windows: WindowSettings = NARROW) -> Windows:
    return cut_windows([example(context)], tokenizer(kind), windows)


def random_logits(windows: Windows, seed: int, scale: float) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [(random.normal(size=(2, length)) * scale).astype(np.float32) for length in windows.lengths]


def signal(context: str, kind: str, seed: int = 0, scale: float = 3.0) -> SpanSignal:
    windows = cut(context, kind)
    (parts,) = teacher_windows(1, windows, random_logits(windows, seed, scale))
    return write_signal(parts)


@pytest.mark.parametrize(("teacher", "student"), itertools.product(KINDS, KINDS))
@given(contexts, st.integers(0, 9), st.sampled_from([0.5, 1.0, 2.0, 8.0]), st.sampled_from([1, 3, 1000]))
@settings(max_examples=15, deadline=None)
def test_mass_is_conserved_for_any_pair_of_tokenizers(
    teacher: str, student: str, context: str, seed: int, temperature: float, top_k: int
) -> None:
    written = signal(context, teacher, seed)
    for side in (written.start, written.end):
        assert np.exp(side.log_mass).sum() + np.exp(side.null) == pytest.approx(1, abs=1e-9)
        assert ((side.chars >= 0) & (side.chars < len(context))).all()
    stored = SpanSignal(keep_top(written.start, top_k), keep_top(written.end, top_k))
    windows = cut(context, student)
    for row in range(len(windows)):
        tokens = windows.slice_of(row)
        spans = windows.spans[tokens][windows.support[tokens]]
        characters = map_characters(len(context), spans, tuple(windows.reach[row]))
        for read in read_window(temper(stored, temperature), characters, len(spans)):
            masses = dense(read, len(spans))
            assert masses.min() >= 0
            assert masses.sum() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@given(contexts)
@settings(max_examples=40, deadline=None)
def test_every_token_of_the_context_speaks_in_exactly_one_window(kind: str, context: str) -> None:
    windows = cut(context, kind)
    whole = cut(context, kind, WindowSettings(max_length=4096, doc_stride=6, max_question=6))
    assert len(whole) == 1
    assert (windows.best & ~windows.support).sum() == 0
    assert windows.best.sum() == whole.support.sum()
    chosen = sorted(map(tuple, windows.spans[windows.best].tolist()))
    assert chosen == sorted(map(tuple, whole.spans[whole.support].tolist()))


@pytest.mark.parametrize("kind", KINDS)
@given(contexts)
@settings(max_examples=40, deadline=None)
def test_spans_lie_in_the_context_and_bear_no_white_space_at_their_ends(kind: str, context: str) -> None:
    windows = cut(context, kind)
    for begin, end in windows.spans[windows.support]:
        piece = context[begin:end]
        assert piece
        assert piece.isspace() or piece == piece.strip()
    assert (windows.input_ids[windows.rows[:-1] + windows.null] == tokenizer(kind).cls_token_id).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("word", ["йод", "Ёлка", "и\u0306од", "е\u0308ж", "чай"])
def test_letters_with_marks_keep_their_places(kind: str, word: str) -> None:
    context = f"\ufeffВот {word}, да."
    windows = cut(context, kind)
    begin = context.index(word)
    labelled = QAExample("1", context, "Что?", (Answer(word, begin),))
    items = span_items([labelled], windows, 0, None, (), at_hand=True)
    start, end = items.positions[0]
    assert windows.spans[start][0] <= begin < windows.spans[start][1]
    assert windows.spans[end][0] < begin + len(word) <= windows.spans[end][1]


def test_tokens_that_share_a_letter_share_its_mass_out_as_gold_labels_do() -> None:
    """Byte-level tokens may split a Cyrillic letter: it starts at the first of them and ends at the last."""
    spans = np.asarray([[0, 1], [0, 1], [1, 2]], np.int32)
    characters = map_characters(2, spans, (0, 2))
    assert characters.start.tolist() == [0, 2]
    assert characters.end.tolist() == [1, 2]


def test_of_tokens_that_share_a_letter_with_others_the_one_that_begins_or_ends_with_it_takes_it() -> None:
    """Such as the bytes of "а", and the first one of "б" with it; the second one of "б", and "в"."""
    spans = np.asarray([[0, 2], [1, 3]], np.int32)
    characters = map_characters(3, spans, (0, 3))
    assert characters.start.tolist() == [0, 1, 1]
    assert characters.end.tolist() == [0, 0, 1]


def test_uncovered_characters_go_to_the_nearest_token_and_are_counted() -> None:
    spans = np.asarray([[1, 2], [5, 6]], np.int32)  # characters: . A . . . B . with a window that ends after B
    characters = map_characters(8, spans, (0, 7))
    assert characters.start.tolist() == [0, 0, 0, 1, 1, 1, 1, 2]
    assert characters.end.tolist() == [0, 0, 0, 0, 1, 1, 1, 2]
    assert characters.moved.tolist() == [True, False, True, True, True, False, True, False]


def test_a_tail_lies_in_a_window_as_far_as_the_window_shows_the_context() -> None:
    side = Side(np.asarray([0]), np.log([0.5]), float(np.log(0.1)), float(np.log(0.4)), tail_size=8)
    spans = np.asarray([[0, 2], [2, 4], [4, 5]], np.int32)
    characters = map_characters(20, spans, (0, 5))
    start, end = read_window(SpanSignal(side, side), characters, 3)
    # A quarter of the context is in reach: 0.1 of the tail, for the two tokens that are not named.
    assert dense(start, 3) == pytest.approx([0.5, 0.05, 0.05, 0.4])
    assert dense(end, 3) == pytest.approx(dense(start, 3))
    # Where every token is named the tail has no room.
    one = map_characters(20, spans[:1], (0, 2))
    assert dense(read_window(SpanSignal(side, side), one, 1)[0], 1) == pytest.approx([0.5, 0.5])


def test_a_window_without_the_answer_learns_that_it_is_not_there() -> None:
    context = " ".join(f"слово{number}" for number in range(120))
    windows = cut(context, "wordpiece")
    assert len(windows) > 3
    begin = context.index("слово0")
    labelled = QAExample("1", context, "Где?", (Answer("слово0", begin),))
    written = signal(context, "wordpiece")
    certain = keep_top(written.start, 1)
    items = span_items([labelled], windows, 0, None, (), at_hand=True)
    assert items.positions[0].tolist() != [windows.null[0]] * 2
    assert items.positions[-1].tolist() == [windows.null[-1]] * 2
    last = windows.slice_of(len(windows) - 1)
    spans = windows.spans[last][windows.support[last]]
    characters = map_characters(len(context), spans, tuple(windows.reach[-1]))
    outside = written.start.chars[characters.start[written.start.chars] == len(spans)]
    assert len(outside) > 0
    assert certain.tail_size == len(written.start.chars) - 1
