"""Predictions of classification and regression, and their metrics with bootstrap intervals.

The intervals repeat each metric on up to 100,000 resamples, for which scikit-learn and SciPy are too slow: they are computed from
counts and sums for many resamples at once. Tests hold them to those libraries' values.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from distil.framework.metrics import Metric, counts, intervals, resampled_metrics
from distil.framework.tasks.base import Plain
from distil.framework.tasks.classification.data import Text
from distil.framework.tasks.reports import Scores

_SINGLE = (
    Metric("accuracy", "accuracy", primary=True),
    Metric("macro_f1", "macro F1"),
    Metric("mcc", "MCC", percent=False),
)
_SEVERAL = (Metric("micro_f1", "micro F1", primary=True), Metric("macro_f1", "macro F1"), Metric("map", "mAP"))
_REGRESSION = (
    Metric("pearson", "Pearson", percent=False, primary=True),
    Metric("spearman", "Spearman", percent=False),
    Metric("mse", "MSE", percent=False, higher_is_better=False),
)
METRICS = {"single_label": _SINGLE, "multi_label": _SEVERAL, "regression": _REGRESSION}

Figures = dict[str, float]
Rows = NDArray[np.int64]
_Floats = NDArray[np.float64]
_Probabilities = NDArray[np.floating]


def single_label(gold: Rows, chosen: Rows, labels: int) -> Figures:
    """`accuracy` and `macro_f1` in percent, and `mcc`, Matthews' correlation. gold, chosen: [n], numbers of `labels` labels.

    Macro F1 is over the labels that occur in either.
    """
    return _as_they_are(len(gold), lambda drawn: single_label_resampled(gold, chosen, labels, drawn))


def single_label_resampled(gold: Rows, chosen: Rows, labels: int, drawn: Rows) -> Mapping[str, _Floats]:
    """The same of every resample. drawn: [R, n], rows."""
    right = np.where(gold == chosen, gold, labels)  # counted apart where wrong
    hits, golds, chosens = (counts(values[drawn], labels + 1)[:, :labels] for values in (right, gold, chosen))
    size, correct = float(drawn.shape[1]), hits.sum(1)
    here = golds + chosens
    f1 = np.divide(2 * hits, here, out=np.zeros_like(here), where=here > 0).sum(1) / np.maximum((here > 0).sum(1), 1)
    spread = (size**2 - (chosens**2).sum(1)) * (size**2 - (golds**2).sum(1))
    covariance = correct * size - (golds * chosens).sum(1)
    return {
        "accuracy": 100.0 * correct / size,
        "macro_f1": 100.0 * f1,
        "mcc": np.divide(covariance, np.sqrt(spread), out=np.zeros_like(spread), where=spread > 0),
    }


def multi_label(gold: NDArray[np.bool_], chosen: NDArray[np.bool_], scores: _Floats) -> Figures:
    """`micro_f1`, `macro_f1` and `map` (mean average precision) in percent.

    gold, chosen: [n, labels]; scores: of the same shape, the larger the likelier. A label that no gold example has counts for
    0 in macro F1, and not in the mean average precision, which it does not have.
    """
    return _as_they_are(len(gold), lambda drawn: multi_label_resampled(gold, chosen, scores, drawn))


def multi_label_resampled(
    gold: NDArray[np.bool_], chosen: NDArray[np.bool_], scores: _Floats, drawn: Rows
) -> Mapping[str, _Floats]:
    """The same of every resample. drawn: [R, n], rows."""
    times = counts(drawn, len(gold))
    hits, golds, chosens = (times @ values.astype(np.float64) for values in (gold & chosen, gold, chosen))
    here = golds + chosens
    f1 = np.divide(2 * hits, here, out=np.zeros_like(here), where=here > 0)
    micro = np.divide(2 * hits.sum(1), here.sum(1), out=np.zeros(len(here)), where=here.sum(1) > 0)
    precision = np.stack([_average_precision(g, s, times) for g, s in zip(gold.T, scores.T, strict=True)], 1)
    there = golds > 0
    return {
        "micro_f1": 100.0 * micro,
        "macro_f1": 100.0 * f1.mean(1),
        "map": 100.0 * precision.sum(1) / np.maximum(there.sum(1), 1),
    }


def regression(gold: _Floats, values: _Floats) -> Figures:
    """`pearson` and `spearman`, correlations, which are 0 where one side is constant, and `mse`. [n] each."""
    return _as_they_are(len(gold), lambda drawn: regression_resampled(gold, values, drawn))


def regression_resampled(gold: _Floats, values: _Floats, drawn: Rows) -> Mapping[str, _Floats]:
    """The same of every resample. drawn: [R, n], rows."""
    from scipy.stats import rankdata  # type: ignore[import-untyped]

    golds, valued = gold[drawn], values[drawn]
    return {
        "pearson": _correlation(golds, valued),
        "spearman": _correlation(rankdata(golds, axis=1), rankdata(valued, axis=1)),
        "mse": ((golds - valued) ** 2).mean(1),
    }


def _average_precision(gold: NDArray[np.bool_], scores: _Floats, times: _Floats) -> _Floats:
    """Average precision of one label, whose examples occur so many times [R, n] in each resample; 0 without any. [R]"""
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)  # equal scores share a threshold
    times = times[:, order]
    hits = np.cumsum(times * gold[order], axis=1)[:, ends]
    seen = np.cumsum(times, axis=1)[:, ends]
    precision = np.divide(hits, seen, out=np.zeros_like(hits), where=seen > 0)
    gained = np.diff(hits, axis=1, prepend=0.0)
    total = hits[:, -1]
    result: _Floats = np.divide((gained * precision).sum(1), total, out=np.zeros_like(total), where=total > 0)
    return result


def _correlation(first: _Floats, second: _Floats) -> _Floats:
    """Pearson's correlation of every row [R, n]; 0 where a side is constant. [R]"""
    varied = (np.ptp(first, axis=1) > 0) & (np.ptp(second, axis=1) > 0)
    first, second = first - first.mean(1, keepdims=True), second - second.mean(1, keepdims=True)
    spread = np.sqrt((first**2).sum(1) * (second**2).sum(1))
    result: _Floats = np.divide((first * second).sum(1), spread, out=np.zeros_like(spread), where=varied & (spread > 0))
    return result


def _as_they_are(count: int, resampled: Callable[[Rows], Mapping[str, _Floats]]) -> Figures:
    """The metrics of all of `count` examples, each drawn once."""
    return {name: float(values[0]) for name, values in resampled(np.arange(count)[None]).items()}


def single_predictions(examples: Sequence[Text], probabilities: _Probabilities, labels: Sequence[str]) -> Plain:
    """probabilities: [E, labels]."""
    return {
        example.id: {"label": labels[int(row.argmax())], "probabilities": _named(row, labels)}
        for example, row in zip(examples, probabilities, strict=True)
    }


def several_predictions(
    examples: Sequence[Text], probabilities: _Probabilities, labels: Sequence[str], threshold: float
) -> Plain:
    """probabilities: [E, labels]; a label is given where its own is at least `threshold`."""
    return {
        example.id: {
            "labels": [label for label, p in zip(labels, row, strict=True) if p >= threshold],
            "probabilities": _named(row, labels),
        }
        for example, row in zip(examples, probabilities, strict=True)
    }


def number_predictions(examples: Sequence[Text], shares: _Probabilities, low: float, high: float) -> Plain:
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
    found = regression(gold, values)
    resampled = resampled_metrics(
        lambda drawn: regression_resampled(gold, values, drawn), len(known), len(known), resamples, seed
    )
    return Scores(len(known), found, intervals(resampled), {}, resampled)


def single_scores(
    examples: Sequence[Text], predictions: Plain, labels: Sequence[str], resamples: int, seed: int
) -> Scores:
    """Of the labelled examples."""
    known = [example for example in examples if example.labelled]
    numbers = {label: number for number, label in enumerate(labels)}
    gold = np.asarray([numbers[example.labels[0]] for example in known], np.int64)
    chosen = np.asarray([numbers[predictions[example.id]["label"]] for example in known], np.int64)
    found = single_label(gold, chosen, len(labels))
    resampled = resampled_metrics(
        lambda drawn: single_label_resampled(gold, chosen, len(labels), drawn),
        len(known),
        len(labels),
        resamples,
        seed,
    )
    return Scores(len(known), found, intervals(resampled), {}, resampled)


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
    found = multi_label(gold, chosen, scores)
    resampled = resampled_metrics(
        lambda drawn: multi_label_resampled(gold, chosen, scores, drawn),
        len(known),
        len(known),
        resamples,
        seed,
    )
    return Scores(len(known), found, intervals(resampled), {}, resampled)


def _named(row: _Probabilities, labels: Sequence[str]) -> dict[str, float]:
    return {label: float(p) for label, p in zip(labels, row.tolist(), strict=True)}
