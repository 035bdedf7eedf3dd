"""Predictions of tagging, in sequences of tags that may be, and their metrics: entity F1, precision and recall as seqeval (Nakayama
2018) and conlleval count them, for which type and both ends have to be right; of other tags the share of right ones, and the
mean of their F1.

Predictions are plain data by example id: {"tags": [name of each unit's tag], "entities": [{"type", "text", "start", "end",
"score"}]}, or of other tags {"tags": [...], "units": [{"tag", "text", "start", "end", "score"}]}. Start and end are characters
of the text.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from distil.framework.metrics import Metric, counts, intervals, resampled_metrics
from distil.framework.segments import Floats, Ints
from distil.framework.tasks.base import Plain
from distil.framework.tasks.reports import Scores
from distil.framework.tasks.tagging.example import Tagged
from distil.framework.tasks.tagging.tags import TagSet, entities_of

_LEAST = 1e-30  # probability
_AT_ONCE = 1024  # examples
ENTITY_METRICS = (
    Metric("f1", "F1", primary=True),
    Metric("precision", "precision"),
    Metric("recall", "recall"),
    Metric("accuracy", "accuracy"),
)
TAG_METRICS = (Metric("accuracy", "accuracy", primary=True), Metric("macro_f1", "macro F1"))


def best_tags(probabilities: NDArray[np.floating], units: Ints, tags: TagSet) -> Ints:
    """The likeliest sequence of each example's tags that may be (Viterbi 1967). probabilities: [U, L]; units: [E + 1]. [U]"""
    log_p = np.log(np.maximum(probabilities.astype(np.float64), _LEAST))
    if not tags.entities:
        likeliest: Ints = log_p.argmax(1)
        return likeliest
    may = np.where(tags.may_follow, 0.0, -np.inf)
    result = np.zeros(len(log_p), np.int64)
    sizes = np.diff(units)
    order = np.argsort(-sizes, kind="stable")  # those that go on stand first
    for begin in range(0, len(order), _AT_ONCE):
        chosen = order[begin : begin + _AT_ONCE]
        _viterbi(log_p, units[chosen], sizes[chosen], may, result)
    return result


def predictions(examples: Sequence[Tagged], probabilities: NDArray[np.floating], units: Ints, tags: TagSet) -> Plain:
    """probabilities: [U, L]; units: [E + 1]."""
    best = best_tags(probabilities, units, tags)
    sure = probabilities[np.arange(len(best)), best].astype(np.float64)
    return {
        example.id: _prediction(example, best[begin:end].tolist(), sure[begin:end], tags)
        for example, begin, end in zip(examples, units[:-1].tolist(), units[1:].tolist(), strict=True)
    }


def soft_labels(
    examples: Sequence[Tagged], probabilities: NDArray[np.floating], units: Ints, tags: TagSet
) -> list[Plain]:
    """Of each example its entities, if tags are those of entities, and its units with their tags' probabilities. probabilities: [U, L];
    units: [E + 1]."""
    found = predictions(examples, probabilities, units, tags)
    labels = []
    for example, begin, end in zip(examples, units[:-1].tolist(), units[1:].tolist(), strict=True):
        prediction = found[example.id]
        known = zip(example.units, prediction["tags"], probabilities[begin:end].tolist(), strict=True)
        of_units = [
            {
                "text": example.text[start:stop],
                "start": start,
                "end": stop,
                "tag": tag,
                "probabilities": dict(zip(tags.names, masses, strict=True)),
            }
            for (start, stop), tag, masses in known
        ]
        entities = {"entities": prediction["entities"]} if tags.entities else {}
        labels.append({**entities, "units": of_units})
    return labels


def _viterbi(log_p: Floats, begins: Ints, sizes: Ints, may: Floats, result: Ints) -> None:
    """Of examples whose units begin at `begins` [C] and are so many, the longest first. may: [L + 1, L], 0 or -inf."""
    longest = int(sizes.max(initial=0))
    before = np.zeros((longest, len(begins), log_p.shape[1]), np.int32)
    score = np.zeros((len(begins), log_p.shape[1]))
    for step in range(longest):
        going = int((sizes > step).sum())
        said = log_p[begins[:going] + step]
        if step == 0:
            score[:going] = said + may[-1]
            continue
        ways = score[:going, :, None] + may[:-1]
        before[step, :going] = ways.argmax(1)
        score[:going] = ways.max(1) + said
    tag = score.argmax(1)
    for step in range(longest - 1, -1, -1):
        going = int((sizes > step).sum())
        result[begins[:going] + step] = tag[:going]
        tag[:going] = before[step, np.arange(going), tag[:going]]


def _prediction(example: Tagged, numbers: list[int], sure: Floats, tags: TagSet) -> Plain:
    names = [tags.names[number] for number in numbers]
    if not tags.entities:
        units = [
            {"tag": name, "text": example.text[begin:end], "start": begin, "end": end, "score": float(score)}
            for name, (begin, end), score in zip(names, example.units, sure, strict=True)
        ]
        return {"tags": names, "units": units}
    entities = []
    for entity in entities_of(names):
        begin, end = example.units[entity.start][0], example.units[entity.end - 1][1]
        score = float(sure[entity.start : entity.end].mean())
        entities.append(
            {"type": entity.type, "text": example.text[begin:end], "start": begin, "end": end, "score": score}
        )
    return {"tags": names, "entities": entities}


def scores(examples: Sequence[Tagged], predicted: Plain, tags: TagSet, resamples: int, seed: int) -> Scores:
    """Of the labelled examples; variants: F1, precision and recall of each type of entity. Intervals draw whole texts."""
    known = [example for example in examples if example.tags is not None]
    pairs = [(example.tags or (), predicted[example.id]["tags"]) for example in known]
    right = np.asarray([[sum(map(str.__eq__, gold, said)), len(gold)] for gold, said in pairs], np.float64)
    found, names = _entity_counts(pairs) if tags.entities else _tag_counts(pairs, tags.names)

    def figures(times: Floats) -> Mapping[str, Floats]:
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
    resampled = resampled_metrics(
        lambda drawn: figures(counts(drawn, count)), count, count + found[0].size if count else 1, resamples, seed
    )
    by_type = {}
    if tags.entities:
        by_type = {
            f"type {name or '_'}": dict(zip(("f1", "precision", "recall"), map(float, values), strict=True))
            for name, values in zip(names, np.stack(_prf(found.sum(0)), 1), strict=True)
        }
    unlocated = sum(one.get("unlocated", 0.0) for one in predicted.values()) / max(1, len(predicted))
    return Scores(count, whole, intervals(resampled), by_type, resampled, unlocated)


def _entity_counts(pairs: Sequence[tuple[Sequence[str], Sequence[str]]]) -> tuple[Floats, list[str]]:
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


def _tag_counts(pairs: Sequence[tuple[Sequence[str], Sequence[str]]], names: Sequence[str]) -> tuple[Floats, list[str]]:
    """Of every text and tag right, predicted and gold units. [n, tags, 3]"""
    numbers = {name: number for number, name in enumerate(names)}
    result = np.zeros((len(pairs), len(names), 3))
    for row, (golds, saids) in zip(result, pairs, strict=True):
        for gold, said in zip(golds, saids, strict=True):
            row[numbers[said], 1] += 1
            row[numbers[gold], 2] += 1
            row[numbers[gold], 0] += gold == said
    return result, list(names)


def _prf(found: Floats) -> tuple[Floats, Floats, Floats]:
    """F1, precision and recall in percent, 0 of nothing, of counts of right, predicted and gold ones. [..., 3]"""
    right, said, gold = np.moveaxis(found, -1, 0)
    return 100 * _share(2 * right, said + gold), 100 * _share(right, said), 100 * _share(right, gold)


def _share(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
