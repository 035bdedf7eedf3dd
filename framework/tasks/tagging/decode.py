"""From probabilities of tags to sequences that may be, and to predictions as plain data.

By example id: {"tags": [name of each unit's tag], "entities": [{"type", "text", "start", "end", "score"}]}, or of other tags
{"tags": [...], "units": [{"tag", "text", "start", "end", "score"}]}. Start and end are characters of the text.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from framework.segments import Floats, Ints
from framework.tasks.base import Plain
from framework.tasks.tagging.example import Tagged
from framework.tasks.tagging.tags import TagSet, entities_of

_LEAST = 1e-30  # probability
_AT_ONCE = 1024  # examples


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
