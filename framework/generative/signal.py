"""From answers and their scores to a signal."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from framework.signals.span import Floats, Side, SpanSignal, log_softmax


def answers_signal(places: Sequence[Sequence[tuple[int, int]]], log_mass: Floats, *, unanswerable: bool) -> SpanSignal:
    """The signal of C >= 1 answers. places: where the context has each one, characters [start, end); log_mass: [C].

    The masses are scaled to 1. An answer that the context has several times shares its mass evenly among the places. One
    that it does not have, the empty one for instance, is "no answer here" where questions may be `unanswerable`.
    Elsewhere it would teach that such a question has no answer: it does not count, unless there is no other. Start mass
    lies on a place's first character and end mass on its last.
    """
    found = np.asarray([len(alike) for alike in places], np.int64)
    if not unanswerable and found.any():
        log_mass = np.where(found > 0, log_mass, -np.inf)
    scaled = log_softmax(log_mass)
    null = _log_sum(scaled[found == 0])
    spans = np.asarray([place for alike in places for place in alike], np.int64).reshape(-1, 2)
    shares = np.repeat(scaled - np.log(np.maximum(found, 1)), found)
    return SpanSignal(_side(spans[:, 0], shares, null), _side(spans[:, 1] - 1, shares, null))


def _side(chars: NDArray[np.int64], log_mass: Floats, null: float) -> Side:
    """Entries on the same character become one."""
    named = np.unique(chars)
    merged = np.asarray([_log_sum(log_mass[chars == char]) for char in named], np.float64)
    return Side(named, merged, null)


def _log_sum(values: Floats) -> float:
    """Logarithm of the sum of exponentials; -inf of nothing."""
    return float(np.logaddexp.reduce(values, initial=-np.inf))
