"""Entity F1, precision and recall as seqeval (Nakayama 2018) and conlleval count them: an entity is right if its type and both
its ends are. Of other tags the share of right ones, and the mean of their F1."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from framework.metrics import Metric, counts, intervals
from framework.tasks.base import Plain, Scores
from framework.tasks.tagging.example import Tagged
from framework.tasks.tagging.tags import TagSet, entities_of

ENTITY_METRICS = (
    Metric("f1", "F1", primary=True),
    Metric("precision", "precision"),
    Metric("recall", "recall"),
    Metric("accuracy", "accuracy"),
)
TAG_METRICS = (Metric("accuracy", "accuracy", primary=True), Metric("macro_f1", "macro F1"))

_Floats = NDArray[np.float64]


def scores(examples: Sequence[Tagged], predicted: Plain, tags: TagSet, resamples: int, seed: int) -> Scores:
    """Of the labelled examples; variants: F1, precision and recall of each type of entity. Intervals draw whole texts."""
    known = [example for example in examples if example.tags is not None]
    pairs = [(example.tags or (), predicted[example.id]["tags"]) for example in known]
    right = np.asarray([[sum(map(str.__eq__, gold, said)), len(gold)] for gold, said in pairs], np.float64)
    found, names = _entity_counts(pairs) if tags.entities else _tag_counts(pairs, tags.names)

    def figures(times: _Floats) -> Mapping[str, _Floats]:
        accuracy = 100 * _share(*(times @ right).T)
        of_names = np.einsum("rn,nkc->rkc", times, found, optimize=True)
        if not tags.entities:
            f1 = _prf(of_names)[0]
            here = of_names.sum(2) > 0
            return {"accuracy": accuracy, "macro_f1": (f1 * here).sum(1) / np.maximum(here.sum(1), 1)}
        f1, precision, recall = _prf(of_names.sum(1))
        return {"f1": f1, "precision": precision, "recall": recall, "accuracy": accuracy}

    count = len(known)
    whole = {name: float(value[0]) for name, value in figures(np.ones((1, count))).items()}
    bounds = intervals(
        lambda drawn: figures(counts(drawn, count)), count, count + found[0].size if count else 1, resamples, seed
    )
    by_type = {}
    if tags.entities:
        by_type = {
            f"type {name or '_'}": dict(zip(("f1", "precision", "recall"), map(float, values), strict=True))
            for name, values in zip(names, np.stack(_prf(found.sum(0)), 1), strict=True)
        }
    return Scores(count, whole, bounds, by_type)


def _entity_counts(pairs: Sequence[tuple[Sequence[str], Sequence[str]]]) -> tuple[_Floats, list[str]]:
    """Of every text and type right, predicted and gold entities, [n, types, 3], and the types, sorted."""
    sets = [(set(entities_of(gold)), set(entities_of(said))) for gold, said in pairs]
    names = sorted({entity.type for gold, said in sets for entity in gold | said})
    numbers = {name: number for number, name in enumerate(names)}
    result = np.zeros((len(pairs), len(names), 3))
    for row, (gold, said) in zip(result, sets, strict=True):
        for kind, entities in enumerate((gold & said, said, gold)):
            for entity in entities:
                row[numbers[entity.type], kind] += 1
    return result, names


def _tag_counts(
    pairs: Sequence[tuple[Sequence[str], Sequence[str]]], names: Sequence[str]
) -> tuple[_Floats, list[str]]:
    """Of every text and tag right, predicted and gold units. [n, tags, 3]"""
    numbers = {name: number for number, name in enumerate(names)}
    result = np.zeros((len(pairs), len(names), 3))
    for row, (golds, saids) in zip(result, pairs, strict=True):
        for gold, said in zip(golds, saids, strict=True):
            row[numbers[said], 1] += 1
            row[numbers[gold], 2] += 1
            row[numbers[gold], 0] += gold == said
    return result, list(names)


def _prf(found: _Floats) -> tuple[_Floats, _Floats, _Floats]:
    """F1, precision and recall in percent, 0 of nothing, of counts of right, predicted and gold ones. [..., 3]"""
    right, said, gold = np.moveaxis(found, -1, 0)
    return 100 * _share(2 * right, said + gold), 100 * _share(right, said), 100 * _share(right, gold)


def _share(part: _Floats, whole: _Floats) -> _Floats:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
