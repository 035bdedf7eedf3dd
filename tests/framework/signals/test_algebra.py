"""The algebra of signals against plain definitions, row by row."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distil.framework.signals.algebra import (
    NULL,
    Signals,
    concat,
    entropy,
    from_dense,
    keep_top,
    log_likelihood,
    temper,
    to_dense,
)
from tests.framework.signals.made_up import TEMPERATURES, assert_same, drawn, entries, masses, of_masses, signals_of

several = drawn(st.integers(1, 4))


def spelled_out(signals: Signals, head: int) -> tuple[list[tuple[int, float]], list[float]]:
    """Entries of a row, and the equal parts of its tail."""
    size = int(signals.tail_size[head])
    return entries(signals, head), [float(np.exp(signals.tail[head])) / size] * size if size else []


@pytest.mark.filterwarnings("error::RuntimeWarning")
@given(several, TEMPERATURES)
def test_a_temperature_is_a_power_of_every_part(signals: Signals, temperature: float) -> None:
    tempered = temper(signals, temperature)
    for head in range(len(signals.rows) - 1):
        named, parts = spelled_out(signals, head)
        powers = np.asarray([mass for _, mass in named] + parts) ** (1 / temperature)
        powers /= powers.sum()
        assert [mass for _, mass in entries(tempered, head)] == pytest.approx(powers[: len(named)], abs=1e-6)
        assert np.exp(tempered.tail[head]) == pytest.approx(powers[len(named) :].sum(), abs=1e-6)
    assert tempered.keys.tolist() == signals.keys.tolist()
    assert tempered.tail_size.tolist() == signals.tail_size.tolist()


@given(st.lists(st.floats(-30, 30), min_size=2, max_size=30), TEMPERATURES)
def test_a_temperature_after_storage_is_one_before_it(logits: list[float], temperature: float) -> None:
    values, keys = np.asarray([logits]), np.arange(len(logits))
    after, before = temper(from_dense(values, keys), temperature), from_dense(values / temperature, keys)
    assert np.exp(after.log_p) == pytest.approx(np.exp(before.log_p), abs=1e-6)


@given(several, st.integers(1, 14))
def test_the_heaviest_are_kept_and_no_mass_is_lost(signals: Signals, count: int) -> None:
    kept = keep_top(signals, count)
    for head in range(len(signals.rows) - 1):
        named = entries(signals, head)
        free = sorted(
            (place for place, (key, _) in enumerate(named) if key != NULL), key=lambda place: -named[place][1]
        )
        chosen = {*free[:count], *(place for place, (key, _) in enumerate(named) if key == NULL)}
        assert entries(kept, head) == [entry for place, entry in enumerate(named) if place in chosen]
        assert kept.tail_size[head] == signals.tail_size[head] + len(named) - len(chosen)
    assert masses(kept).sum(-1) == pytest.approx(masses(signals).sum(-1), abs=1e-6)


def test_of_equally_heavy_ones_the_first_are_kept() -> None:
    kept = keep_top(of_masses({NULL: 0.1, 3: 0.2, 1: 0.2, 2: 0.5}, heads=1), 2)
    assert [key for key, _ in entries(kept, 0)] == [NULL, 3, 2]


@given(several)
def test_entropy_counts_the_tail_as_equal_parts(signals: Signals) -> None:
    for head, found in enumerate(entropy(signals)):
        named, parts = spelled_out(signals, head)
        every = [mass for _, mass in named] + parts
        assert found == pytest.approx(-sum(mass * np.log(mass) for mass in every if mass > 0), abs=1e-5)


@given(several, st.integers(-1, 12), st.integers(0, 12))
def test_the_likelihood_is_the_mass_of_the_named_or_the_tails_average(signals: Signals, first: int, more: int) -> None:
    count = len(signals.rows) - 1
    found = log_likelihood(signals, np.full(count, first), np.full(count, first + more))
    for head in range(count):
        named, parts = spelled_out(signals, head)
        here = [mass for key, mass in named if first <= key <= first + more]
        expected = sum(here) if here else (parts or [0.0])[0]
        assert np.exp(found[head]) == pytest.approx(expected, abs=1e-6)


@given(several, TEMPERATURES, st.integers(1, 5), st.data())
@settings(max_examples=25)
def test_what_comes_out_for_an_example_depends_on_nothing_else(
    signals: Signals, temperature: float, count: int, data: st.DataObject
) -> None:
    """Not a bit, whatever stands before and after it."""
    order = np.asarray(data.draw(st.lists(st.integers(0, len(signals) - 1), min_size=1, max_size=5)))
    operations: list[Any] = [lambda one: temper(one, temperature), lambda one: keep_top(one, count)]
    for operation in operations:
        assert_same(operation(signals).take(order), operation(signals.take(order)))
        assert_same(
            concat([operation(signals.take(order[[place]])) for place in range(len(order))]),
            operation(signals.take(order)),
        )
    heads = (2 * order[:, None] + np.arange(2)).ravel()
    assert entropy(signals)[heads].tolist() == entropy(signals.take(order)).tolist()


def test_rows_of_one_length_may_be_given_as_a_table() -> None:
    signals = from_dense(np.log([[0.2, 0.8], [0.5, 0.5], [0.9, 0.1]]), np.asarray([4, 7]), np.asarray([0, 1, 3]))
    assert len(signals) == 2
    assert entries(signals.take(np.asarray([1])), 1) == [(4, pytest.approx(0.9)), (7, pytest.approx(0.1))]
    assert signals.head_means(np.asarray([1.0, 2.0, 4.0])).tolist() == [1.0, 3.0]
    each = from_dense(np.zeros((2, 2)), np.asarray([[0, 1], [5, 6]]))
    assert each.keys.tolist() == [0, 1, 5, 6]


def test_nothing_and_rows_without_entries_are_signals_too() -> None:
    nothing = concat([])
    assert len(nothing) == len(temper(nothing, 2.0)) == len(keep_top(nothing, 1)) == 0
    whole = signals_of([], [(0, 0.0)], [], heads=1, tail=[0.0, -1.0, 0.0], tail_size=[5, 2, 1])
    assert masses(temper(whole, 3.0)).sum(-1) == pytest.approx([1, 1, 1])
    assert entropy(whole)[[0, 2]] == pytest.approx([np.log(5), 0])
    assert [len(whole.take(np.asarray(chosen, np.int64))) for chosen in ([], [2, 0])] == [0, 2]


@given(st.integers(1, 4), st.sampled_from([0.5, 1.0, 3.0]), st.integers(0, 99))
@settings(max_examples=20)
def test_heads_may_have_fewer_outcomes_than_others(top_k: int, temperature: float, seed: int) -> None:
    """What is said of one depends on nothing else, and no mass goes to outcomes that there are not."""
    random = np.random.default_rng(seed)
    logits, there = random.normal(size=(4, 6)), np.arange(6) < np.asarray([[2], [6], [3], [1]])
    together = temper(keep_top(from_dense(logits, np.arange(6), there=there), top_k), temperature)
    dense = to_dense(together, 6, there)
    assert dense.sum(1) == pytest.approx(1, abs=1e-6)
    assert not dense[~there].any()
    for number, row in enumerate(there):
        alone = from_dense(logits[[number]][:, row], np.flatnonzero(row))
        alone = temper(keep_top(alone, top_k), temperature)
        assert_same(together.take(np.asarray([number])), alone)
        np.testing.assert_array_equal(to_dense(alone, int(row.sum()))[0], dense[number, row])
