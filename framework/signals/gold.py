"""What a signal says of the gold answer."""

from typing import Any

import numpy as np

from framework.signals.span import Side, SpanSignal, probabilities

_FLOOR = 1e-6  # the least mass that a teacher is taken to have given


def gold_log_mass(signal: SpanSignal, example: Any) -> tuple[float, float]:
    """Logarithms of the masses on the gold answer's start and end, the first of several answers; at least log 1e-6.

    Tokenizers cut words differently: the mass on a word counts for every place in it. What a stored signal left out
    counts with the tail's average. `example` has to be labelled.
    """
    if not example.answers:
        return _log(np.exp(signal.start.null)), _log(np.exp(signal.end.null))
    answer = example.answers[0]
    return (
        _word_mass(signal.start, example.context, answer.start),
        _word_mass(signal.end, example.context, answer.start + len(answer.text) - 1),
    )


def _word_mass(side: Side, context: str, place: int) -> float:
    first, last = place, place
    while first > 0 and not context[first - 1].isspace():
        first -= 1
    while last < len(context) - 1 and not context[last + 1].isspace():
        last += 1
    mass, _, tail = probabilities(side)
    here = (side.chars >= first) & (side.chars <= last)
    found = float(mass[here].sum()) if here.any() else tail / side.tail_size if side.tail_size else 0.0
    return _log(found)


def _log(mass: float) -> float:
    return float(np.log(max(mass, _FLOOR)))
