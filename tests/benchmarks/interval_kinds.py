"""How often 95 % intervals of several kinds hold the true difference of metrics that are no means, by simulation.

    OMP_NUM_THREADS=1 .venv/bin/python tests/benchmarks/interval_kinds.py [--experiments 3000] [--resamples 400]

Two classifiers answer the same examples, as in interval_coverage.py. Of Matthews' correlation and macro F1: the percentile bootstrap, which
distil takes; BCa (Efron 1987); and the difference plus or minus 1.96 times its standard error by the jackknife.
"""

import argparse

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri  # type: ignore[import-untyped]

from distil.framework.segments import Floats

COUNTS, LABELS = (100, 300, 1000), 5
KINDS = ("percentile", "BCa", "jackknife")
_TAILS = np.asarray([0.025, 0.975])
# An example is one of as many kinds as there are triples of its label and both answers; samples are how often each occurs.
_GOLD, _FIRST, _SECOND = (part.ravel() for part in np.meshgrid(*[range(LABELS)] * 3, indexing="ij"))

Times = NDArray[np.int64]


def main() -> None:
    """Run the experiments and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=3000)
    parser.add_argument("--resamples", type=int, default=400)
    arguments = parser.parse_args()
    generator = np.random.default_rng(0)
    true = differences(sum(_answers(generator, 1_000_000) for _ in range(20))[None])
    print("| metric | examples | " + " | ".join(KINDS) + " |\n| --- | ---: |" + " ---: |" * len(KINDS))
    for count in COUNTS:
        held = dict.fromkeys(((metric, kind) for metric in true for kind in KINDS), 0)
        for _ in range(arguments.experiments):
            found = intervals(generator, _answers(generator, count), count, arguments.resamples)
            for (metric, kind), (low, high) in found.items():
                held[metric, kind] += bool(low <= true[metric][0] <= high)
        for metric in true:
            shares = (f"{held[metric, kind] / arguments.experiments:.1%}" for kind in KINDS)
            print(f"| {metric} | {count} | {' | '.join(shares)} |", flush=True)


def intervals(
    generator: np.random.Generator, times: Times, count: int, resamples: int
) -> dict[tuple[str, str], tuple[float, float]]:
    """The intervals of a sample, by metric and kind."""
    there = np.flatnonzero(times)
    without = np.repeat(times[None], len(there), 0)
    without[np.arange(len(there)), there] -= 1
    found = differences(times[None])
    resampled, left_out = differences(generator.multinomial(count, times / count, resamples)), differences(without)
    result = {}
    for metric, value in found.items():
        drawn, pseudo = resampled[metric], left_out[metric]
        pull = np.average(pseudo, weights=times[there]) - pseudo
        squares = float(times[there] @ pull**2)
        skew = float(times[there] @ pull**3) / (6 * max(squares, 1e-30) ** 1.5)
        below = np.mean(drawn < value) + np.mean(drawn == value) / 2
        shift = ndtri(np.clip(below, 1 / resamples, 1 - 1 / resamples))
        moved = shift + ndtri(_TAILS)
        error = 1.96 * np.sqrt((count - 1) / count * squares)
        result[metric, "percentile"] = tuple(np.quantile(drawn, _TAILS).tolist())
        result[metric, "BCa"] = tuple(np.quantile(drawn, ndtr(shift + moved / (1 - skew * moved))).tolist())
        result[metric, "jackknife"] = (float(value[0] - error), float(value[0] + error))
    return result


def differences(times: Times) -> dict[str, Floats]:
    """The difference of both classifiers' metrics in every sample. times: [R, kinds of example]."""
    gold = times @ np.eye(LABELS)[_GOLD]
    first, second = (
        (times @ np.eye(LABELS)[answer], times @ (np.eye(LABELS)[_GOLD] * (answer == _GOLD)[:, None]))
        for answer in (_FIRST, _SECOND)
    )
    return {
        "Matthews' correlation": _mcc(gold, *first) - _mcc(gold, *second),
        "macro F1": _macro_f1(gold, *first) - _macro_f1(gold, *second),
    }


def _mcc(gold: Floats, chosen: Floats, hits: Floats) -> Floats:
    size = gold.sum(1)
    spread = (size**2 - (chosen**2).sum(1)) * (size**2 - (gold**2).sum(1))
    covariance = hits.sum(1) * size - (gold * chosen).sum(1)
    return np.divide(covariance, np.sqrt(spread), out=np.zeros_like(spread), where=spread > 0)


def _macro_f1(gold: Floats, chosen: Floats, hits: Floats) -> Floats:
    here = gold + chosen
    f1: Floats = np.divide(2 * hits, here, out=np.zeros_like(here), where=here > 0).sum(1) / (here > 0).sum(1)
    return f1


def _answers(generator: np.random.Generator, size: int) -> Times:
    """So many examples, of which both find the same ones difficult."""
    gold = generator.choice(LABELS, size, p=[0.4, 0.25, 0.15, 0.12, 0.08])
    difficult = generator.random(size)
    first, second = (
        np.where(difficult + generator.normal(0, 0.2, size) < share, gold, generator.integers(0, LABELS, size))
        for share in (0.75, 0.65)
    )
    return np.bincount((gold * LABELS + first) * LABELS + second, minlength=LABELS**3)


if __name__ == "__main__":
    main()
