"""Differences of models: how often their intervals hold the true one, and what they are made of."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distil.framework.comparison.difference import Sample, difference
from distil.framework.metrics import middle, resampled_means
from distil.framework.segments import Floats

DRAWS = 200  # experiments
RESAMPLES = 200
F1 = np.asarray([0.0, 0.4, 0.5, 2 / 3, 0.8, 1.0])


def tied(share: float, better: float) -> tuple[Floats, Floats]:
    """What one answer may be worth more than the other, and how likely that is: most are alike."""
    return np.asarray([-1.0, 0.0, 1.0]), np.asarray([share * (1 - better), 1 - share, share * better])


def beside(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """Of scores of F1's kind, which are worth as much as each other in half of the questions."""
    values = (F1[:, None] - F1[None, :]).ravel()
    return values, (0.5 * np.outer(first, second) + 0.5 * np.diag((first + second) / 2)).ravel()


SKEWED, EVEN = np.asarray([0.1, 0.05, 0.05, 0.05, 0.05, 0.7]), np.asarray([0.25, 0.1, 0.1, 0.1, 0.1, 0.35])
CASES = {
    "right or wrong": tied(0.3, 0.65),
    "most alike": tied(0.15, 0.5),
    "F1": beside(SKEWED, EVEN),
    "F1, equal": beside(EVEN, EVEN),
}


@pytest.mark.parametrize("count", [100, 1000])
def test_intervals_hold_the_true_difference_as_often_as_they_say(count: int) -> None:
    """95 %, within what so many experiments leave open beside 1.5 points."""
    generator, held, experiments = np.random.default_rng(count), [], 0
    for values, likely in CASES.values():
        true = values @ likely
        found = generator.multinomial(count, likely, DRAWS)
        drawn = generator.multinomial(count, found / count, (RESAMPLES, DRAWS)) @ values / count
        bounds = [difference([Sample(np.zeros(1), resampled[None])]).interval for resampled in drawn.T]
        held.append(sum(low <= true <= high for low, high in bounds))
        experiments += DRAWS
        assert held[-1] / DRAWS == pytest.approx(0.95, abs=0.015 + 2.6 * np.sqrt(0.95 * 0.05 / DRAWS))
    assert sum(held) / experiments == pytest.approx(0.95, abs=0.015)


def seeds(generator: np.random.Generator, count: int, of_seed: float, alike: bool) -> Sample:
    """Differences of which the true mean is 0: each is of its example, its seed and both. alike: all seeds have the same
    examples."""
    size = 200
    examples = generator.normal(0, 0.3, (1 if alike else count, size))
    values = examples + generator.normal(0, of_seed, (count, 1)) + generator.normal(0, 0.3, (count, size))
    times = generator.multinomial(size, np.full(size, 1 / size), (1 if alike else count, 50)) / size
    return Sample(values.mean(1), np.einsum("sn,srn->sr", values, np.broadcast_to(times, (count, 50, size))))


@pytest.mark.parametrize(
    ("make", "least"),
    [
        (lambda generator: [seeds(generator, 5, 0.0, alike=True)], 0.92),
        (lambda generator: [seeds(generator, 5, 0.03, alike=True)], 0.92),
        (lambda generator: [seeds(generator, 3, 0.03, alike=False)], 0.91),
        (lambda generator: [seeds(generator, 4, 0.02, True), seeds(generator, 3, 0.02, True).negative], 0.92),
    ],
    ids=["of examples alone", "of both", "other examples", "seeds of two recipes"],
)
def test_intervals_over_seeds_take_both_sources_of_spread(
    make: Callable[[np.random.Generator], list[Sample]], least: float
) -> None:
    generator = np.random.default_rng(5)
    intervals = [difference(make(generator)).interval for _ in range(60)]
    assert least - 0.06 <= np.mean([low <= 0 <= high for low, high in intervals]) <= 1.0
    # An interval of the examples alone would be right about as often only where seeds do not differ.
    assert np.isfinite(intervals).all()


def test_a_spread_over_seeds_widens_the_interval() -> None:
    generator = np.random.default_rng(1)
    alike = seeds(generator, 4, 0.0, alike=True)
    shift = np.asarray([0.3, -0.3, 0.3, -0.3])
    apart = Sample(alike.values + shift, alike.resampled + shift[:, None])
    narrow, wide = difference([alike]), difference([apart])
    assert wide.value == pytest.approx(narrow.value)
    assert wide.interval[1] - wide.interval[0] > 2 * (narrow.interval[1] - narrow.interval[0])
    assert wide.error == pytest.approx(np.std(apart.values, ddof=1) / 2)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20), st.integers(0, 5))
def test_of_one_seed_it_is_the_paired_bootstrap(values: list[float], seed: int) -> None:
    first, second = np.asarray(values), np.asarray(values[::-1])
    samples = [Sample(np.asarray([one.mean()]), resampled_means(one, seed, 50)[None]) for one in (first, second)]
    found = difference([samples[0].minus(samples[1])])
    assert found.interval == pytest.approx(middle(resampled_means(first - second, seed, 50)), abs=1e-12)
    assert found.error is None
    assert difference([samples[0].minus(samples[0])]).interval == (0.0, 0.0)
