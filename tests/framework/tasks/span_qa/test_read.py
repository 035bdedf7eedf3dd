"""Signals through any pair of tokenizers: mass is conserved, and nothing is asked twice or lost."""

import itertools
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from distil.framework.data.characters import is_blank
from distil.framework.data.features import WindowSettings
from distil.framework.losses.base import Target
from distil.framework.losses.logits import KL
from distil.framework.signals.algebra import NULL, Signals, concat, keep_top, temper
from distil.framework.signals.mixing import mix
from distil.framework.tasks.span_qa.data import Answer, QAExample
from distil.framework.tasks.span_qa.items import span_items
from distil.framework.tasks.span_qa.read import WindowTokens, moved_shares, read_spans
from distil.framework.tasks.span_qa.windows import Windows, cut_windows
from distil.framework.tasks.span_qa.write import write_spans
from tests.framework.signals.made_up import Floats, assert_same, entries, of_masses
from tests.framework.tasks.span_qa import plainly
from tests.tokenizing import KINDS, contexts, tokenizer

Edge = Literal["start", "end"]
NARROW = WindowSettings(max_length=32, doc_stride=6, max_question=6)


def examples(several: list[str]) -> list[QAExample]:
    return [QAExample(str(number), context, "Где ёж?", None) for number, context in enumerate(several)]


def cut(context: str, kind: str, windows: WindowSettings = NARROW) -> Windows:
    return cut_windows(examples([context]), tokenizer(kind), windows)


def signals(several: list[str], kind: str, seed: int = 0) -> Signals:
    """Those of a teacher with this tokenizer and random logits."""
    windows = cut_windows(examples(several), tokenizer(kind), NARROW)
    random = np.random.default_rng(seed)
    logits = [(random.normal(size=(2, length)) * 3).astype(np.float32) for length in windows.lengths]
    return write_spans(len(several), windows, logits)


def tokens_of(windows: Windows, several: list[str], rows: list[int] | None = None) -> WindowTokens:
    numbers = np.arange(len(windows)) if rows is None else np.asarray(rows)
    lengths = np.asarray([len(several[example]) for example in windows.example[numbers]])
    return WindowTokens.of(windows, numbers, lengths)


def dense(read: Signals, windows: Windows, row: int, place: int, head: int) -> Floats:
    """Masses on the tokens of window `row`, which is the one at `place` of what was read."""
    result = np.zeros(int(windows.lengths[row]))
    for key, mass in entries(read, 2 * place + head):
        result[key] += mass
    free = windows.support[windows.slice_of(row)].copy()
    free[[key for key, _ in entries(read, 2 * place + head)]] = False
    if np.isfinite(read.tail[2 * place + head]):
        assert free.sum() == read.tail_size[2 * place + head]
    result[free] += np.exp(read.tail[2 * place + head]) / max(free.sum(), 1)
    return result


@pytest.mark.parametrize(("teacher", "student"), itertools.product(KINDS, KINDS))
@given(
    st.lists(contexts, min_size=1, max_size=3),
    st.integers(0, 9),
    st.sampled_from([0.5, 1.0, 8.0]),
    st.sampled_from([1, 3, 1000]),
)
@settings(max_examples=10, deadline=None)
def test_signals_are_read_as_they_are_defined(
    teacher: str, student: str, several: list[str], seed: int, temperature: float, top_k: int
) -> None:
    """For any pair of tokenizers; mass is conserved, and no window depends on what else is read, not a bit."""
    written = signals(several, teacher, seed)
    assert written.keys.min() >= NULL
    tempered = temper(keep_top(written, top_k), temperature)
    windows = cut_windows(examples(several), tokenizer(student), NARROW)
    tokens, of_windows = tokens_of(windows, several), tempered.take(windows.example)
    read, moved = read_spans(tokens, of_windows), moved_shares(tokens, of_windows)
    for row in range(len(windows)):
        number = int(windows.example[row])
        shares = []
        for head in range(2):
            expected, share = plainly.read(windows, row, examples(several)[number], tempered, number, head)
            found = dense(read, windows, row, row, head)
            assert found.min() >= 0
            assert found.sum() == pytest.approx(1, abs=1e-6)
            assert found == pytest.approx(expected, abs=1e-6)
            shares.append(share)
        assert moved[row] == pytest.approx(np.mean(shares), abs=1e-6)
    alone = [
        read_spans(tokens_of(windows, several, [row]), of_windows.take(np.asarray([row])))
        for row in range(len(windows))
    ]
    assert_same(concat(alone), read)


@pytest.mark.parametrize("kind", KINDS)
@given(contexts)
@settings(max_examples=20, deadline=None)
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
@example("\x1f\x08")  # both of them blank, and one of them white space
@settings(max_examples=20, deadline=None)
def test_spans_lie_in_the_context_and_bear_no_white_space_at_their_ends(kind: str, context: str) -> None:
    windows = cut(context, kind)
    for begin, end in windows.spans[windows.support]:
        piece = context[begin:end]
        assert piece
        assert all(map(is_blank, piece)) or piece == piece.strip()
    assert (windows.input_ids[windows.rows[:-1] + windows.null] == tokenizer(kind).cls_token_id).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("word", ["йод", "Ёлка", "и\u0306од", "е\u0308ж", "чай"])
def test_letters_with_marks_keep_their_places(kind: str, word: str) -> None:
    context = f"\ufeffВот {word}, да."
    windows = cut(context, kind)
    begin = context.index(word)
    labelled = QAExample("1", context, "Что?", (Answer(word, begin),))
    items = span_items([labelled], windows, 0, None, (), eager=True)
    start, end = items.positions[0]
    assert windows.spans[start][0] <= begin < windows.spans[start][1]
    assert windows.spans[end][0] < begin + len(word) <= windows.spans[end][1]


def window(spans: list[tuple[int, int]], reach: tuple[int, int], length: int) -> WindowTokens:
    """A window with a token for "no answer here" and tokens that cover `spans`, of a context of `length` characters."""
    count = len(spans) + 1
    windows = Windows(
        rows=np.asarray([0, count]),
        input_ids=np.zeros(count, np.int32),
        token_types=None,
        support=np.arange(count) > 0,
        spans=np.asarray([(0, 0), *spans], np.int32),
        best=np.arange(count) > 0,
        null=np.zeros(1, np.int32),
        example=np.zeros(1, np.int32),
        reach=np.asarray([reach], np.int32),
    )
    return WindowTokens.of(windows, np.zeros(1, np.int64), np.asarray([length]))


def places(tokens: WindowTokens, length: int, edge: Edge) -> list[int]:
    """Of each character the token that takes its mass, from 1 on, and 0 for "no answer here"."""
    return tokens.places(np.zeros(length, np.int64), np.arange(length), np.full(length, edge == "end"))[0].tolist()


def test_tokens_that_share_a_letter_share_its_mass_out_as_gold_labels_do() -> None:
    """Byte-level tokens may split a Cyrillic letter: it starts at the first of them and ends at the last."""
    tokens = window([(0, 1), (0, 1), (1, 2)], (0, 2), 2)
    assert places(tokens, 2, "start") == [1, 3]
    assert places(tokens, 2, "end") == [2, 3]


def test_of_tokens_that_share_a_letter_with_others_the_one_that_begins_or_ends_with_it_takes_it() -> None:
    """Such as the bytes of "а", and the first one of "б" with it; the second one of "б", and "в"."""
    tokens = window([(0, 2), (1, 3)], (0, 3), 3)
    assert places(tokens, 3, "start") == [1, 2, 2]
    assert places(tokens, 3, "end") == [1, 1, 2]


@given(
    st.lists(st.tuples(st.integers(0, 11), st.integers(1, 6)), max_size=7),
    st.tuples(st.integers(0, 12), st.integers(0, 12)).map(sorted),
)
def test_whatever_tokens_cover_each_character_goes_where_it_should(
    covered: list[tuple[int, int]], reach: list[int]
) -> None:
    """Tokens in any order that lie within others or share characters with them."""
    spans = [(begin, min(begin + width, 12)) for begin, width in covered]
    tokens = window(spans, (reach[0], reach[1]), 12)
    edges: tuple[Edge, Edge] = ("start", "end")
    for head, edge in enumerate(edges):
        table = np.asarray(spans, np.int32).reshape(-1, 2)
        expected = [plainly.taking_token(table, (reach[0], reach[1]), char, head) for char in range(12)]
        assert places(tokens, 12, edge) == [0 if token is None else token + 1 for token, _ in expected]
        _, moved = tokens.places(np.zeros(12, np.int64), np.arange(12), np.full(12, edge == "end"))
        assert moved.tolist() == [has_moved for _, has_moved in expected]


def test_uncovered_characters_go_to_the_nearest_token_and_are_counted() -> None:
    tokens = window([(1, 2), (5, 6)], (0, 7), 8)  # characters: . A . . . B . with a window that ends after B
    assert places(tokens, 8, "start") == [1, 1, 1, 2, 2, 2, 2, 0]
    assert places(tokens, 8, "end") == [1, 1, 1, 1, 2, 2, 2, 0]
    _, moved = tokens.places(np.zeros(8, np.int64), np.arange(8), np.zeros(8, bool))
    assert moved.tolist() == [True, False, True, True, True, False, True, False]


def test_a_tail_lies_in_a_window_as_far_as_the_window_shows_the_context() -> None:
    signal = of_masses({0: 0.5, NULL: 0.1}, {0: 0.5, NULL: 0.1}, tail=[0.4, 0.4], tail_size=[8, 8])
    read = read_spans(window([(0, 2), (2, 4), (4, 5)], (0, 5), 20), signal)
    # A quarter of the context is in reach: 0.1 of the tail, for the two tokens that are not named.
    for head in range(2):
        assert dict(entries(read, head)) == pytest.approx({0: 0.4, 1: 0.5})
        assert np.exp(read.tail[head]) == pytest.approx(0.1)
        assert read.tail_size[head] == 2
    # Where every token is named the tail has no room.
    full = read_spans(window([(0, 2)], (0, 2), 20), signal)
    assert dict(entries(full, 0)) == pytest.approx({0: 0.5, 1: 0.5})
    assert full.tail.tolist() == [-np.inf] * 2


def test_a_window_without_the_answer_learns_that_it_is_not_there() -> None:
    context = " ".join(f"слово{number}" for number in range(120))
    windows = cut(context, "wordpiece")
    assert len(windows) > 3
    begin = context.index("слово0")
    labelled = QAExample("1", context, "Где?", (Answer("слово0", begin),))
    items = span_items([labelled], windows, 0, None, (), eager=True)
    assert items.positions[0].tolist() != [windows.null[0]] * 2
    assert items.positions[-1].tolist() == [windows.null[-1]] * 2
    written = signals([context], "wordpiece")
    last = len(windows) - 1
    read = read_spans(tokens_of(windows, [context], [last]), written)
    outside = [mass for key, mass in entries(written, 0) if NULL < key < windows.reach[last, 0]]
    assert len(outside) > 0
    assert dense(read, windows, last, 0, 0)[windows.null[last]] == pytest.approx(
        sum(outside) + dict(entries(written, 0))[NULL], abs=1e-6
    )


@given(contexts, st.integers(0, 100), st.sampled_from([0.5, 1.0, 4.0]))
@settings(max_examples=15, deadline=None)
def test_kl_from_the_mean_has_the_mean_gradient_of_all_teachers_kls(
    context: str, seed: int, temperature: float
) -> None:
    """KL(Σ w_k p_k ‖ q) and Σ w_k KL(p_k ‖ q) differ by a constant, in any student's tokens and in every window."""
    kinds = ("wordpiece uncased", "byte-level bpe", "unigram")
    teachers = [temper(signals([context], kind, seed + number), temperature) for number, kind in enumerate(kinds)]
    shares = [0.6, 0.3, 0.1]
    mixed = mix(teachers, np.asarray([shares]), "arithmetic")
    windows = cut(context, "wordpiece")
    student = torch.randn(2, int(windows.lengths.max()), generator=torch.Generator().manual_seed(seed)).double()

    def gradient(signal: Signals, row: int) -> torch.Tensor:
        read = read_spans(tokens_of(windows, [context], [row]), signal)
        taught = torch.from_numpy(np.stack([dense(read, windows, row, 0, head) for head in range(2)]))
        free = student[:, : taught.shape[1]].clone().requires_grad_()
        mask = torch.from_numpy(windows.support[windows.slice_of(row)].copy())
        mask[int(windows.null[row])] = True
        target = Target(mask.expand(2, -1), torch.zeros(2, dtype=torch.long), taught)
        loss = KL(temperature=temperature)(free.masked_fill(~mask, -1e30), target).sum()
        return torch.autograd.grad(loss, free)[0]

    for row in range(len(windows)):
        separate = sum(weight * gradient(teacher, row) for weight, teacher in zip(shares, teachers, strict=True))
        assert torch.allclose(gradient(mixed, row), separate, atol=1e-5)
