"""Several teachers' signals together, against plain definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distil.framework.signals.algebra import NULL, Signals, concat, from_dense, keep_top, temper, to_dense
from distil.framework.signals.mixing import divergence, divergence_from_others, mix
from tests.framework.signals.made_up import Floats, assert_same, drawn, entries, masses, of_masses, signals_of

HALVES = np.asarray([[0.5, 0.5]])
weights = st.sampled_from([(1.0, 0.0, 0.0), (0.5, 0.5, 0.0), (0.2, 0.3, 0.5), (1 / 3, 1 / 3, 1 / 3), (0.0, 0.0, 1.0)])
three = st.tuples(drawn(2), drawn(2), drawn(2))
both_weights = st.tuples(weights, weights).map(np.asarray)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@given(three, both_weights)
@settings(max_examples=25)
def test_the_arithmetic_mean_is_the_weighted_sum_of_masses(said: tuple[Signals, ...], weights: Floats) -> None:
    mixed = mix(said, weights, "arithmetic")
    expected = sum(np.repeat(weights[:, k], 2)[:, None] * masses(one) for k, one in enumerate(said))
    assert masses(mixed) == pytest.approx(expected, abs=1e-6)
    for head in range(4):
        heard = [one for k, one in enumerate(said) if weights[head // 2, k] > 0]
        named = sorted({key for one in heard for key, _ in entries(one, head)})
        assert [key for key, _ in entries(mixed, head)] == named
        assert mixed.tail_size[head] == max(one.tail_size[head] for one in heard)


def geometric_of_a_row(said: list[tuple[list[tuple[int, float]], float, int]], weights: Floats) -> dict[int, float]:
    """Masses by outcome of the mean of entries, tail and its size; -2 stands for the tail. Spelled out teacher by teacher."""
    keys = sorted({key for named, _, _ in said for key, _ in named})
    result = dict.fromkeys([*keys, -2], 1.0)
    for (named, tail, size), weight in zip(said, weights, strict=True):
        own: dict[int, float] = {}
        for key, mass in named:
            own[key] = own.get(key, 0.0) + mass
        unnamed = len(keys) - len(own)
        least = min((mass for key, mass in named if key != NULL and mass > 0), default=0.0)
        each = tail / max(size, unnamed) if size else least
        rest = tail * max(size - unnamed, 0) / size if size else tail
        for key in keys:
            result[key] *= own.get(key, each) ** weight
        result[-2] *= rest**weight
    total = sum(result.values())
    return {key: mass / total for key, mass in result.items()} if total else {}


@pytest.mark.filterwarnings("error::RuntimeWarning")
@given(three, both_weights)
@settings(max_examples=25)
def test_the_geometric_mean_is_the_product_of_powers(said: tuple[Signals, ...], weights: Floats) -> None:
    mixed, otherwise = mix(said, weights, "geometric"), mix(said, weights, "arithmetic")
    assert masses(mixed).sum(-1) == pytest.approx(1, abs=1e-6)
    for head in range(4):
        own = weights[head // 2]
        heard = [one for one, weight in zip(said, own, strict=True) if weight > 0]
        rows = [(entries(one, head), float(np.exp(one.tail[head])), int(one.tail_size[head])) for one in heard]
        expected = geometric_of_a_row(rows, own[own > 0])
        found = dict(entries(mixed, head)) | {-2: float(np.exp(mixed.tail[head]))}
        if not expected:  # nothing is possible to all
            expected = dict(entries(otherwise, head)) | {-2: float(np.exp(otherwise.tail[head]))}
        assert found == pytest.approx(expected, abs=1e-5)


def test_the_geometric_mean_of_one_tokenizer_is_the_softmax_of_the_mean_logits() -> None:
    random = np.random.default_rng(0)
    logits, shares = random.normal(size=(3, 4, 9)) * 5, np.asarray([0.5, 0.3, 0.2])
    mixed = mix([from_dense(each, np.arange(9)) for each in logits], np.tile(shares, (4, 1)), "geometric")
    expected = from_dense(np.tensordot(shares, logits, 1), np.arange(9))
    assert mixed.log_p == pytest.approx(expected.log_p, abs=1e-5)
    assert mixed.tail.tolist() == [-np.inf] * 4


def test_what_a_teacher_left_out_counts_at_the_average_of_its_tail() -> None:
    stored = keep_top(of_masses({0: 0.6, 1: 0.1, 2: 0.1, NULL: 0.2}, heads=1), 1)
    other = of_masses({1: 0.5, NULL: 0.1}, heads=1, tail=[0.4], tail_size=[3])
    mixed = mix([stored, other], HALVES, "geometric")
    # Each gives the outcome that the other names an equal part of its tail, and keeps the rest of it.
    expected = np.sqrt([0.2 * 0.1, 0.6 * 0.4 / 3, 0.1 * 0.5, 0.1 * 0.4 * 2 / 3])
    assert mixed.keys.tolist() == [NULL, 0, 1]
    assert np.exp([*mixed.log_p, *mixed.tail]) == pytest.approx(expected / expected.sum(), abs=1e-6)
    assert mixed.tail_size.tolist() == [2]


def test_no_more_of_a_tail_is_given_away_than_there_is() -> None:
    """Two entries are left out, and the other names three outcomes that are not named."""
    stored = keep_top(of_masses({0: 0.6, 1: 0.1, 2: 0.1, NULL: 0.2}, heads=1), 1)
    mixed = mix([stored, of_masses({5: 0.3, 6: 0.2, 7: 0.1, NULL: 0.4}, heads=1)], HALVES, "geometric")
    expected = np.sqrt([0.2 * 0.4, 0.6 * 0.1, *(0.2 / 3 * np.asarray([0.3, 0.2, 0.1]))])
    assert np.exp(mixed.log_p) == pytest.approx(expected / expected.sum(), abs=1e-6)
    assert (mixed.tail.tolist(), mixed.tail_size.tolist()) == ([-np.inf], [0])


def test_very_sharp_teachers_have_an_exact_geometric_mean() -> None:
    """Masses of exp(-2000) are 0 as floating-point numbers, and their logarithms are not."""
    one = signals_of([(0, 0.0), (1, -2000.0), (NULL, -5000.0)], heads=1)
    other = signals_of([(0, -2001.0), (1, 0.0), (NULL, -5000.0)], heads=1)
    mixed = mix([one, other], HALVES, "geometric")
    assert mixed.log_p[1:] == pytest.approx(from_dense(np.asarray([[-1000.5, -1000.0]]), np.arange(2)).log_p)


def _whole_and_stored(random: np.random.Generator, count: int, evened: bool) -> tuple[list[Signals], list[Signals]]:
    """Opinions on 60 outcomes, and the same with the 16 heaviest; evened: what is left out is all as likely."""
    whole = []
    for _ in range(count):
        logits = random.normal(0, 3 if evened else 1, 61)
        if evened:
            light = np.argsort(-logits[1:])[16:] + 1
            logits[light] = logits[light].min()
        whole.append(from_dense(logits[None], np.arange(-1, 60)))
    return whole, [keep_top(one, 16) for one in whole]


@given(st.integers(0, 10**6), st.integers(2, 4))
def test_the_geometric_mean_of_stored_signals_is_exact_where_what_is_left_out_is_all_as_likely(
    seed: int, count: int
) -> None:
    random = np.random.default_rng(seed)
    whole, stored = _whole_and_stored(random, count, evened=True)
    shares = random.dirichlet(np.ones(count))[None]
    found, true = mix(stored, shares, "geometric"), masses(mix(whole, shares, "geometric"), 60)[0]
    assert np.exp(found.log_p) == pytest.approx(true[found.keys + 1], abs=1e-6)
    assert found.tail_size.tolist() == [61 - len(found.keys)]


def test_the_geometric_mean_of_stored_signals_is_near_that_of_whole_ones() -> None:
    random = np.random.default_rng(0)
    pairs = [_whole_and_stored(random, 3, evened=False) for _ in range(200)]
    shares = np.full((200, 3), 1 / 3)
    stored = mix([concat([few[k] for _, few in pairs]) for k in range(3)], shares, "geometric")
    whole = mix([concat([all_[k] for all_, _ in pairs]) for k in range(3)], shares, "geometric")
    true, found = masses(whole, 60), masses(stored, 60)
    named = found[:, :-1] > 0
    true_tail = np.where(named, 0, true[:, :-1]).sum(-1)
    errors = np.abs(np.where(named, found[:, :-1] - true[:, :-1], 0)).sum(-1) + np.abs(found[:, -1] - true_tail)
    assert found[:, -1].mean() == pytest.approx(true_tail.mean(), abs=0.02)
    assert errors.mean() / 2 < 0.1


def jensen_shannon(one: Floats, other: Floats) -> float:
    def entropy(mass: Floats) -> float:
        return -sum(part * np.log(part) for part in mass if part > 0)

    return entropy((one + other) / 2) - (entropy(one) + entropy(other)) / 2


@given(three)
@settings(max_examples=20)
def test_divergence_is_jensen_and_shannons(said: tuple[Signals, ...]) -> None:
    dense = np.stack([masses(one) for one in said])
    between, from_others = divergence(said[0], said[1]), divergence_from_others(said)
    for head in range(4):
        assert between[head] == pytest.approx(jensen_shannon(dense[0, head], dense[1, head]), abs=1e-6)
        for k in range(3):
            others = np.delete(dense[:, head], k, axis=0).mean(0)
            assert from_others[k, head] == pytest.approx(jensen_shannon(dense[k, head], others), abs=1e-6)


@given(three, both_weights, st.sampled_from(["arithmetic", "geometric"]))
@settings(max_examples=15)
def test_what_comes_out_for_an_example_depends_on_nothing_else(
    said: tuple[Signals, ...], weights: Floats, mean: str
) -> None:
    """Not a bit, whatever is mixed beside it."""
    together, apart = mix(said, weights, mean), []  # type: ignore[arg-type]
    far = divergence_from_others(said)
    for example in range(2):
        alone = [one.take(np.asarray([example])) for one in said]
        apart.append(mix(alone, weights[[example]], mean))  # type: ignore[arg-type]
        assert far[:, 2 * example : 2 * example + 2].tolist() == divergence_from_others(alone).tolist()
    assert_same(together, concat(apart))


@given(st.integers(2, 8), st.integers(1, 8), st.integers(2, 4), st.sampled_from([0.5, 1.0, 4.0]), st.integers(0, 99))
@settings(max_examples=30)
def test_no_mass_is_lost_where_teachers_together_name_all_outcomes(
    outcomes: int, top_k: int, teachers: int, temperature: float, seed: int
) -> None:
    random = np.random.default_rng(seed)
    whole = [from_dense(random.normal(size=(3, outcomes)), np.arange(outcomes)) for _ in range(teachers)]
    said = [temper(keep_top(one, top_k), temperature) for one in whole]
    weights = random.dirichlet(np.ones(teachers), 3)
    for mean in ("arithmetic", "geometric"):
        mixed = to_dense(mix(said, weights, mean), outcomes)  # type: ignore[arg-type]
        assert mixed.sum(1) == pytest.approx(1, abs=1e-5)
    # What is left out has its place again where all is named: in proportion to what stands there.
    first = from_dense(np.log([[0.6, 0.3, 0.1]]), np.arange(3))
    other = from_dense(np.log([[0.1, 0.3, 0.6]]), np.arange(3))
    mixed = to_dense(mix([keep_top(first, 2), keep_top(other, 2)], np.asarray([[0.5, 0.5]]), "arithmetic"), 3)
    assert mixed == pytest.approx(np.asarray([[0.3, 0.3, 0.3]]) / 0.9, abs=1e-6)
