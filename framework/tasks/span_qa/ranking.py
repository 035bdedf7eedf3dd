"""The best of many spans, of many questions at once."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from distil.framework.segments import Floats, Ints, bounds


class Ranked(NamedTuple):
    """The best spans of a question, n of them, best first. logits: [n]; starts, ends: characters [from, to) of each, [n]."""

    logits: Floats
    starts: Ints
    ends: Ints


def ranked(logits: Floats, starts: Ints, ends: Ints, n_best: int) -> list[Ranked]:
    """The `n_best` best distinct of the N spans of each of Q questions, all [Q, N]; -inf is the logit of what is no span.

    Spans of equal characters count once, with their highest logit. Equal logits are ordered by start, then by length.
    """
    found: dict[int, Ranked] = {}
    left, most = np.arange(len(logits)), n_best
    while len(left):
        for place, best, whole in _heaviest(logits[left], starts[left], ends[left], n_best, most):
            if whole or len(best.logits) == n_best:
                found[int(left[place])] = best
        left = np.asarray([number for number in left.tolist() if number not in found], np.int64)
        most *= 4
    return [found[number] for number in range(len(logits))]


def _heaviest(logits: Floats, starts: Ints, ends: Ints, n_best: int, most: int) -> Iterator[tuple[int, Ranked, bool]]:
    """Of each question, by its number: the best of its `most` heaviest spans, and whether it has no others."""
    count, width = logits.shape
    least = np.partition(logits, width - most, axis=1)[:, width - most] if most < width else np.full(count, -np.inf)
    owner, place = np.nonzero((logits >= least[:, None]) & (logits > -np.inf))
    chosen = owner, place
    values, first, last = logits[chosen], starts[chosen], ends[chosen]
    order = np.lexsort((last, first, -values, owner))
    longest = int(last.max(initial=0)) + 1
    spans = ((owner * longest + first) * longest + last)[order]
    once = np.zeros(len(order), bool)
    once[np.unique(spans, return_index=True)[1]] = True
    order = order[once]
    rows = bounds(np.bincount(owner[order], minlength=count))
    for number, (begin, end) in enumerate(zip(rows[:-1].tolist(), rows[1:].tolist(), strict=True)):
        best = order[begin : min(end, begin + n_best)]
        yield number, Ranked(values[best], first[best], last[best]), bool(least[number] == -np.inf)
