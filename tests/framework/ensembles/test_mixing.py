"""Means of signals against their definitions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from framework.data.windows_section import WindowSettings
from framework.ensembles.mixing import arithmetic, geometric
from framework.losses.base import Target
from framework.losses.kl import KL
from framework.signals.reading import CharacterMap, dense, map_characters, read_window
from framework.signals.span import Floats, Side, SpanSignal, keep_top, log_softmax, temper
from tests.framework.ensembles.opinions import (
    TEMPERATURES,
    cut,
    random_logits,
    side_of,
    signal_of_tokens,
    signals,
    vector,
    vectors,
)
from tests.tokenizing import contexts

HALVES = np.asarray([0.5, 0.5])


def both(side: Side) -> SpanSignal:
    return SpanSignal(side, side)


@given(signals, signals, st.floats(0, 1))
def test_arithmetic_is_the_weighted_sum_of_masses(one: SpanSignal, other: SpanSignal, weight: float) -> None:
    mixed = arithmetic([one, other], np.asarray([weight, 1 - weight]))
    assert vectors(mixed) == pytest.approx(weight * vectors(one) + (1 - weight) * vectors(other), abs=1e-12)


@given(st.integers(0, 1000), TEMPERATURES)
def test_geometric_of_one_tokenizer_is_the_softmax_of_the_mean_logits(seed: int, temperature: float) -> None:
    windows = cut("Ёж родился в Рорау, а чай — нет.", "wordpiece", WindowSettings(max_length=256))
    assert len(windows) == 1
    logits = [random_logits(windows, seed * 3 + teacher) for teacher in range(3)]
    weights = np.asarray([0.5, 0.3, 0.2])
    taught = geometric([temper(signal_of_tokens(windows, each), temperature) for each in logits], weights)
    mean = sum(weight * each[0].astype(np.float64) for weight, each in zip(weights, logits, strict=True))
    places = np.append(np.flatnonzero(windows.support), windows.null[0])
    for head, side in enumerate((taught.start, taught.end)):
        expected = log_softmax(mean[head, places] / temperature)
        assert side.log_mass == pytest.approx(expected[:-1], abs=1e-9)
        assert side.null == pytest.approx(expected[-1], abs=1e-9)
        assert side.tail == -np.inf


def test_geometric_counts_what_a_teacher_left_out_at_the_average_of_its_tail() -> None:
    stored = keep_top(side_of(np.log([0.6, 0.1, 0.1, 0.2])), 1)
    other = Side(np.asarray([1]), np.log([0.5]), float(np.log(0.1)), float(np.log(0.4)), 3)
    mixed = geometric([both(stored), both(other)], HALVES).start
    # Each gives the character that the other names an equal part of its tail, and keeps the rest of it.
    expected = np.sqrt([0.6 * 0.4 / 3, 0.1 * 0.5, 0.2 * 0.1, 0.1 * 0.4 * 2 / 3])
    assert mixed.chars.tolist() == [0, 1]
    assert np.exp([*mixed.log_mass, mixed.null, mixed.tail]) == pytest.approx(expected / expected.sum())
    assert mixed.tail_size == 2


def test_geometric_gives_away_no_more_of_a_tail_than_there_is() -> None:
    """Two entries are left out, and the other's tokens begin at three characters that are not named."""
    stored = keep_top(side_of(np.log([0.6, 0.1, 0.1, 0.2])), 1)
    other = side_of(np.log([0.3, 0.2, 0.1, 0.4]), [5, 6, 7])
    mixed = geometric([both(stored), both(other)], HALVES).start
    expected = np.sqrt([0.6 * 0.1, *(0.2 / 3 * np.asarray([0.3, 0.2, 0.1])), 0.2 * 0.4, 0.0])
    assert np.exp([*mixed.log_mass, mixed.null, mixed.tail]) == pytest.approx(expected / expected.sum())
    assert mixed.tail_size == 0


def _evened_out(logits: Floats, kept: int) -> Floats:
    """Logits of which all but the `kept` largest are the same; the last, of null, stays."""
    light = np.argsort(-logits[:-1])[kept:]
    logits[light] = logits[light].min()
    return logits


def _named_and_tail(full: Sequence[Side], weights: Floats, chars: NDArray[np.int64]) -> Floats:
    """Masses of the geometric mean of whole distributions: on `chars`, on null, and on all other characters together."""
    logs = np.stack([np.append(side.log_mass, side.null) for side in full])
    mass = np.exp(log_softmax((weights[:, None] * logs).sum(0)))
    return np.asarray([*mass[chars], mass[-1], np.delete(mass[:-1], chars).sum()])


@given(st.integers(0, 10**6), st.integers(2, 4))
def test_geometric_of_stored_signals_is_exact_where_what_is_left_out_is_all_as_likely(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    full = [side_of(log_softmax(_evened_out(random.normal(0, 3, 61), kept=16))) for _ in range(count)]
    weights = random.dirichlet(np.ones(count))
    mixed = geometric([both(keep_top(side, 16)) for side in full], weights).start
    found = np.exp([*mixed.log_mass, mixed.null, mixed.tail])
    assert found == pytest.approx(_named_and_tail(full, weights, mixed.chars), abs=1e-9)
    assert mixed.tail_size == 60 - len(mixed.chars)


def test_geometric_of_stored_signals_is_near_that_of_whole_ones() -> None:
    """Opinions on 60 tokens, of which the 16 heaviest are kept; no mass may count as named and as left out."""
    random = np.random.default_rng(0)
    tails, errors = [], []
    for _ in range(200):
        full = [side_of(log_softmax(random.normal(0, 1, 61))) for _ in range(3)]
        weights = np.full(3, 1 / 3)
        mixed = geometric([both(keep_top(side, 16)) for side in full], weights).start
        found = np.exp([*mixed.log_mass, mixed.null, mixed.tail])
        true = _named_and_tail(full, weights, mixed.chars)
        tails.append((found[-1], true[-1]))
        errors.append(np.abs(found - true).sum() / 2)
    found_tail, true_tail = np.mean(tails, axis=0)
    assert found_tail == pytest.approx(true_tail, abs=0.02)
    assert np.mean(errors) < 0.1


def test_geometric_counts_what_a_teacher_cannot_name_at_the_least_that_it_names() -> None:
    """A teacher with other tokens, none of them left out or impossible but one, has no token that starts at 1."""
    whole = side_of(np.asarray([*np.log([0.6, 0.2]), -np.inf, np.log(0.2)]), [0, 2, 3])
    other = side_of(np.log([0.9, 0.1]), [1])
    mixed = geometric([both(whole), both(other)], HALVES).start
    expected = np.sqrt([0.6 * 0.9, 0.2 * 0.9, 0.2 * 0.9, 0, 0.2 * 0.1])
    assert np.exp([*mixed.log_mass, mixed.null]) == pytest.approx(expected / expected.sum())


def test_geometric_of_teachers_with_nothing_in_common_is_the_arithmetic_mean() -> None:
    here = side_of(np.asarray([0.0, -np.inf, -np.inf]))
    there = side_of(np.asarray([-np.inf, 0.0, -np.inf]))
    assert vector(geometric([both(here), both(there)], HALVES).start)[:2] == pytest.approx([0.5, 0.5])


def test_geometric_of_very_sharp_teachers_is_exact() -> None:
    """Masses of exp(-2000) are 0 as floating-point numbers, and their logarithms are not."""
    one, other = side_of(np.asarray([0.0, -2000.0, -5000.0])), side_of(np.asarray([-2001.0, 0.0, -5000.0]))
    mixed = geometric([both(one), both(other)], HALVES).start
    assert mixed.log_mass == pytest.approx(log_softmax(np.asarray([-1000.5, -1000.0])))


@given(signals, signals, st.sampled_from([arithmetic, geometric]))
def test_a_teacher_without_weight_plays_no_part(one: SpanSignal, other: SpanSignal, mean: Any) -> None:
    mixed = mean([one, other], np.asarray([1.0, 0.0]))
    assert vectors(mixed) == pytest.approx(vectors(one), abs=1e-12)
    assert set(mixed.start.chars) == set(one.start.chars)
    assert mixed.end.tail_size == one.end.tail_size


@given(contexts, st.integers(0, 100), TEMPERATURES)
@settings(max_examples=25, deadline=None)
def test_kl_from_the_mean_has_the_mean_gradient_of_all_teachers_kls(
    context: str, seed: int, temperature: float
) -> None:
    """KL(Σ w_k p_k ‖ q) and Σ w_k KL(p_k ‖ q) differ by a constant, in any student's tokens and in every window."""
    narrow = WindowSettings(max_length=32, doc_stride=6, max_question=6)
    teachers = []
    for number, kind in enumerate(("wordpiece uncased", "byte-level bpe", "unigram")):
        windows = cut(context, kind, narrow)
        teachers.append(temper(signal_of_tokens(windows, random_logits(windows, seed + number)), temperature))
    weights = np.asarray([0.6, 0.3, 0.1])
    mixed = arithmetic(teachers, weights)
    windows = cut(context, "wordpiece", narrow)
    student = torch.randn(2, int(windows.lengths.max()), generator=torch.Generator().manual_seed(seed)).double()
    for row in range(len(windows)):
        tokens = windows.slice_of(row)
        spans = windows.spans[tokens][windows.support[tokens]]
        reach = (int(windows.reach[row, 0]), int(windows.reach[row, 1]))
        characters = map_characters(len(context), spans, reach)
        logits = student[:, : len(spans) + 1]
        separate = sum(
            weight * kl_gradient(teacher, characters, logits, temperature)
            for weight, teacher in zip(weights, teachers, strict=True)
        )
        assert torch.allclose(kl_gradient(mixed, characters, logits, temperature), separate, atol=1e-9)


def kl_gradient(signal: SpanSignal, characters: CharacterMap, logits: torch.Tensor, temperature: float) -> torch.Tensor:
    """Gradient of the loss `kl` of a window by the student's `logits` [2, C + 1], null last."""
    count = logits.shape[1] - 1
    signals = np.stack([dense(side, count) for side in read_window(signal, characters, count)])
    mask = torch.ones_like(logits, dtype=torch.bool)
    target = Target(mask, torch.zeros(2, dtype=torch.long), torch.from_numpy(signals))
    free = logits.clone().requires_grad_()
    return torch.autograd.grad(KL(temperature=temperature)(free, target).sum(), free)[0]
