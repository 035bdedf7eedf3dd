"""Models that answered the same examples, or others of their kind, compared by all metrics of their task."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from distil.framework.comparison.difference import Difference, Sample, difference
from distil.framework.metrics import Metric
from distil.framework.outcome import ComparisonResults, DifferenceResults, Verdict
from distil.framework.tasks.base import Examples, Own, Task
from distil.framework.tasks.reports import Scores

# Of fewer answers that differ, even with all in favour of one model, a sign test cannot say that it is the better one.
_FEWEST = 6


@dataclass(frozen=True)
class Answered:
    """What a model's answers to labelled examples are worth, and what they are, by the examples' contents."""

    scores: Scores
    answers: Mapping[tuple[str, ...], Hashable]


def answered(task: Task, examples: Examples, predictions: Mapping[str, Own], resamples: int, seed: int) -> Answered:
    """Score predictions of labelled examples. seed: of the resamples, which are the same for all models asked about the examples."""
    scores = task.score(examples, predictions, resamples, seed)
    answers = {tuple(one.content): task.answer_of(predictions[one.id]) for one in examples}
    return Answered(scores, answers)


def compare(
    model: str,
    against: str,
    first: Sequence[Answered],
    second: Sequence[Answered],
    metrics: Sequence[Metric],
    by_seed: bool = True,
    paired: bool = True,
) -> ComparisonResults:
    """How much `model` is above `against` by every metric of which the task gives resamples.

    first, second: of every seed; by_seed: whether they belong together seed by seed; paired: whether all have been measured on the
    same resamples of the same examples.
    """
    differing = None
    if paired and by_seed:
        differing = sum(_differing(one, other) for one, other in zip(first, second, strict=True))
    found: dict[str, DifferenceResults] = {}
    for metric in metrics:
        if all(metric.name in one.scores.resampled for one in (*first, *second)):
            own, other = _sample(first, metric), _sample(second, metric)
            measured = difference([own.minus(other)] if by_seed else [own, other.negative])
            found[metric.name] = {
                "difference": measured.value,
                "interval": list(measured.interval),
                "error": measured.error,
                "verdict": _verdict(metric, measured, differing),
            }
    return {
        "model": model,
        "against": against,
        "examples": first[0].scores.examples,
        "seeds": min(len(first), len(second)),
        "paired": paired,
        "differing": differing,
        "metrics": found,
    }


def _differing(first: Answered, second: Answered) -> int:
    return sum(answer != second.answers[content] for content, answer in first.answers.items())


def _sample(found: Sequence[Answered], metric: Metric) -> Sample:
    values = np.asarray([one.scores.metrics[metric.name] for one in found], np.float64)
    return Sample(values, np.stack([one.scores.resampled[metric.name] for one in found]))


def _verdict(metric: Metric, found: Difference, differing: int | None) -> Verdict:
    low, high = sorted(metric.gain(bound) for bound in found.interval)
    if low <= 0 <= high or (differing is not None and differing < _FEWEST):
        return "open"
    return "better" if low > 0 else "worse"
