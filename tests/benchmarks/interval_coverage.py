"""How often 95 % intervals of differences hold the true difference, by simulation.

    OMP_NUM_THREADS=1 .venv/bin/python tests/benchmarks/interval_coverage.py [--experiments 2000] [--resamples 400]

Of two models on the same examples: right or wrong, scores of F1's kind, and pairs most of which are tied; macro F1 and Matthews'
correlation of a classifier's task, resampled as runs do it; and means over seeds. Standard error of a share of 2,000: 0.5 points.
"""

import argparse
from collections.abc import Iterator

import numpy as np

from distil.framework.comparison.difference import Sample, difference
from distil.framework.segments import Floats
from distil.framework.tasks.classification.metrics import single_label, single_label_resampled

COUNTS = (100, 300, 1000)
LABELS = 5
F1 = np.asarray([0.0, 0.4, 0.5, 2 / 3, 0.8, 1.0])
_AT_ONCE = 250  # experiments


def main() -> None:
    """Run the experiments and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=2000)
    parser.add_argument("--resamples", type=int, default=400)
    arguments = parser.parse_args()
    generator = np.random.default_rng(0)
    print(f"| scores | {' | '.join(f'{count} examples' for count in COUNTS)} |\n| --- |{' ---: |' * len(COUNTS)}")
    for name, values, likely in cases():
        shares = [
            _held(generator, values, likely, count, arguments.experiments, arguments.resamples) for count in COUNTS
        ]
        print(f"| {name} | {' | '.join(f'{share:.1%}' for share in shares)} |", flush=True)
    for metric, name in (("macro_f1", "macro F1 of five labels"), ("mcc", "Matthews' correlation")):
        few = max(50, arguments.experiments // 4)
        shares = [_classified(generator, metric, count, few, arguments.resamples) for count in COUNTS]
        print(f"| {name} ({few} experiments) | {' | '.join(f'{share:.1%}' for share in shares)} |", flush=True)

    spreads = (0.0, 0.02, 0.06)
    print(f"\n| seeds, 200 examples | {' | '.join(f'seeds differ by {spread}' for spread in spreads)} |")
    print(f"| --- |{' ---: |' * len(spreads)}")
    for count in (2, 3, 5, 10):
        for alike in (True, False):
            shares = [_over_seeds(generator, count, spread, alike, arguments.experiments // 4) for spread in spreads]
            of = "the same examples" if alike else "each its own"
            print(f"| {count}, {of} | {' | '.join(f'{share:.1%}' for share in shares)} |", flush=True)


def cases() -> Iterator[tuple[str, Floats, Floats]]:
    """What an example's difference may be, and how likely that is."""
    yield "right or wrong: 19.5 % better, 10.5 % worse", *_tied(0.3, 0.65)
    yield "right or wrong, equal models: 15 % each way", *_tied(0.3, 0.5)
    yield "most tied: 5 % each way", *_tied(0.1, 0.5)
    yield "most tied: 9 % better, 3 % worse", *_tied(0.12, 0.75)
    skewed, even = np.asarray([0.1, 0.05, 0.05, 0.05, 0.05, 0.7]), np.asarray([0.25, 0.1, 0.1, 0.1, 0.1, 0.35])
    yield "F1, half of them tied", *_beside(skewed, even)
    yield "F1, equal models", *_beside(even, even)


def _tied(share: float, better: float) -> tuple[Floats, Floats]:
    return np.asarray([-1.0, 0.0, 1.0]), np.asarray([share * (1 - better), 1 - share, share * better])


def _beside(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    values = (F1[:, None] - F1[None, :]).ravel()
    return values, (0.5 * np.outer(first, second) + 0.5 * np.diag((first + second) / 2)).ravel()


def _held(
    generator: np.random.Generator, values: Floats, likely: Floats, count: int, experiments: int, resamples: int
) -> float:
    held = 0
    for begin in range(0, experiments, _AT_ONCE):
        found = generator.multinomial(count, likely, min(_AT_ONCE, experiments - begin))
        drawn = generator.multinomial(count, found / count, (resamples, len(found))) @ values / count
        held += sum(_holds([Sample(np.zeros(1), one[None])], float(values @ likely)) for one in drawn.T)
    return held / experiments


def _classified(generator: np.random.Generator, metric: str, count: int, experiments: int, resamples: int) -> float:
    """Two classifiers, of which one is right more often, and who find the same examples difficult."""

    def answers(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        gold = generator.choice(LABELS, size, p=[0.4, 0.25, 0.15, 0.12, 0.08])
        difficult = generator.random(size)
        chosen = [
            np.where(difficult + generator.normal(0, 0.2, size) < share, gold, generator.integers(0, LABELS, size))
            for share in (0.75, 0.65)
        ]
        return gold, chosen[0], chosen[1]

    gold, *chosen = answers(400_000)
    first, second = (single_label(gold, one, LABELS)[metric] for one in chosen)
    held = 0
    for _ in range(experiments):
        gold, *chosen = answers(count)
        drawn = generator.integers(0, count, (resamples, count))
        samples = [
            Sample(np.zeros(1), single_label_resampled(gold, one, LABELS, drawn)[metric][None]) for one in chosen
        ]
        held += _holds([samples[0].minus(samples[1])], first - second)
    return held / experiments


def _over_seeds(generator: np.random.Generator, count: int, spread: float, alike: bool, experiments: int) -> float:
    """Differences of which the true mean is 0: of the example, of the seed, and of both."""
    size, resamples, held = 200, 200, 0
    for _ in range(experiments):
        own = 1 if alike else count
        values = generator.normal(0, 0.3, (own, size)) + generator.normal(0, spread, (count, 1))
        values = values + generator.normal(0, 0.3, (count, size))
        times = generator.multinomial(size, np.full(size, 1 / size), (own, resamples)) / size
        resampled = values @ times[0].T if alike else np.einsum("sn,srn->sr", values, times)
        held += _holds([Sample(values.mean(1), resampled)], 0.0)
    return held / experiments


def _holds(samples: list[Sample], true: float) -> bool:
    low, high = difference(samples).interval
    return low <= true <= high


if __name__ == "__main__":
    main()
