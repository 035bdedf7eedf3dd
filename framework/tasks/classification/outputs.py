"""From logits or signals to predictions, and from predictions to scores. Predictions are plain data, by example id:

of a single label {"label": name, "probabilities": {name: p}}; of several {"labels": [name], "probabilities": {name: p}}; of a
number {"value": number}.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from framework.evaluation.bootstrap import intervals
from framework.tasks.base import Plain, Scores
from framework.tasks.classification import metrics
from framework.tasks.classification.data import Text

_Floats = NDArray[np.floating]


def single_predictions(examples: Sequence[Text], probabilities: _Floats, labels: Sequence[str]) -> Plain:
    """probabilities: [E, labels]."""
    return {
        example.id: {"label": labels[int(row.argmax())], "probabilities": _named(row, labels)}
        for example, row in zip(examples, probabilities, strict=True)
    }


def several_predictions(
    examples: Sequence[Text], probabilities: _Floats, labels: Sequence[str], threshold: float
) -> Plain:
    """probabilities: [E, labels]; a label is given where its own is at least `threshold`."""
    return {
        example.id: {
            "labels": [label for label, p in zip(labels, row, strict=True) if p >= threshold],
            "probabilities": _named(row, labels),
        }
        for example, row in zip(examples, probabilities, strict=True)
    }


def number_predictions(examples: Sequence[Text], shares: _Floats, low: float, high: float) -> Plain:
    """shares: [E], of the way from low to high."""
    return {
        example.id: {"value": low + (high - low) * share}
        for example, share in zip(examples, shares.astype(np.float64).tolist(), strict=True)
    }


def number_scores(examples: Sequence[Text], predictions: Plain, resamples: int, seed: int) -> Scores:
    """Of the labelled examples."""
    known = [example for example in examples if example.labelled]
    gold = np.asarray([example.gold for example in known], np.float64)
    values = np.asarray([predictions[example.id]["value"] for example in known], np.float64)
    found = metrics.regression(gold, values)
    bounds = intervals(
        lambda drawn: metrics.regression_resampled(gold, values, drawn), len(known), len(known), resamples, seed
    )
    return Scores(len(known), found, bounds, {})


def single_scores(
    examples: Sequence[Text], predictions: Plain, labels: Sequence[str], resamples: int, seed: int
) -> Scores:
    """Of the labelled examples."""
    known = [example for example in examples if example.labelled]
    numbers = {label: number for number, label in enumerate(labels)}
    gold = np.asarray([numbers[example.labels[0]] for example in known], np.int64)
    chosen = np.asarray([numbers[predictions[example.id]["label"]] for example in known], np.int64)
    found = metrics.single_label(gold, chosen, len(labels))
    bounds = intervals(
        lambda drawn: metrics.single_label_resampled(gold, chosen, len(labels), drawn),
        len(known),
        len(labels),
        resamples,
        seed,
    )
    return Scores(len(known), found, bounds, {})


def several_scores(
    examples: Sequence[Text], predictions: Plain, labels: Sequence[str], resamples: int, seed: int
) -> Scores:
    """Of the labelled examples."""
    known = [example for example in examples if example.labelled]
    gold = np.asarray([[label in example.labels for label in labels] for example in known], np.bool_)
    chosen = np.asarray(
        [[label in predictions[example.id]["labels"] for label in labels] for example in known], np.bool_
    )
    scores = np.asarray([[predictions[example.id]["probabilities"][label] for label in labels] for example in known])
    found = metrics.multi_label(gold, chosen, scores)
    bounds = intervals(
        lambda drawn: metrics.multi_label_resampled(gold, chosen, scores, drawn),
        len(known),
        len(known),
        resamples,
        seed,
    )
    return Scores(len(known), found, bounds, {})


def _named(row: _Floats, labels: Sequence[str]) -> dict[str, float]:
    return {label: float(p) for label, p in zip(labels, row.tolist(), strict=True)}
