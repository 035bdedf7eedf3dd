"""From answers and their scores to signals."""

from collections.abc import Sequence

import numpy as np

from framework.segments import Floats, bounds, maxima, spread, totals
from framework.signals.algebra import Signals
from framework.tasks.span_qa.write import from_spans

Places = Sequence[Sequence[tuple[int, int]]]  # where a context has each of some answers, characters [start, end)


def answers_signals(places: Sequence[Places], log_mass: Sequence[Floats], *, unanswerable: bool) -> Signals:
    """The signals about E examples from C >= 1 answers to each, by their places and their log-masses [C].

    The masses are scaled to 1. An answer that the context has several times shares its mass evenly among the places. One
    that it does not have, the empty one for instance, is "no answer here" where questions may be `unanswerable`.
    Elsewhere it would teach that such a question has no answer: it does not count, unless there is no other. Start mass
    lies on a place's first character and end mass on its last.
    """
    answers = bounds(np.asarray([len(of_example) for of_example in places], np.int64))
    found = np.asarray([len(of_answer) for of_example in places for of_answer in of_example], np.int64)
    logs = np.concatenate([np.empty(0), *log_mass])
    if not unanswerable:
        counts = (found > 0) | spread(totals(found, answers) == 0, answers)
        logs = np.where(counts, logs, -np.inf)
    peak = maxima(logs, answers)
    scaled = logs - spread(np.where(np.isfinite(peak), peak, 0.0), answers)
    with np.errstate(divide="ignore"):
        null = np.log(totals(np.where(found == 0, np.exp(scaled), 0.0), answers))
    shares = np.repeat(scaled - np.log(np.maximum(found, 1)), found)
    of_examples = np.concatenate([[0], np.cumsum(found)])[answers]
    return from_spans(
        [np.asarray([place for of_answer in of_example for place in of_answer], np.int64) for of_example in places],
        np.split(shares, of_examples[1:-1]),
        null.tolist(),
    )
