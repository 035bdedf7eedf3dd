"""Means of several teachers' signals, on characters: the teachers' tokenizers may differ.

A teacher that weighs nothing plays no part, nor do the characters that only it names. Masses of the means sum to 1.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from framework.signals.span import Floats, Side, SpanSignal, log_softmax

Mean = Callable[[Sequence[Side], Floats], Side]


def arithmetic(signals: Sequence[SpanSignal], weights: Floats) -> SpanSignal:
    """Σ_k w_k · p_k of K signals with `weights` [K] that sum to 1.

    Entries are the characters that any teacher names; null and tail are means as well. The tail stays the teachers'
    mass on what they left out, and has the size of the largest.
    """
    return _mixed(signals, weights, _arithmetic)


def geometric(signals: Sequence[SpanSignal], weights: Floats) -> SpanSignal:
    """Π_k p_k^w_k of K signals with `weights` [K] that sum to 1, scaled to sum 1.

    Entries are the characters that any teacher names. One that does not name a character counts there with the average
    mass in its tail, which loses as much, or, if it has left out nothing, with the least mass that it names. Null and what
    is left of the tails are means as well. For signals of one tokenizer without tails this is the softmax of the mean of the
    logits. Where nothing is possible to all teachers, it is the arithmetic mean.
    """
    return _mixed(signals, weights, _geometric)


def aligned(sides: Sequence[Side]) -> tuple[NDArray[np.int64], Floats]:
    """K sides on common entries: the characters that any of them names, sorted, [U], and log-probabilities [K, U + 2].

    The last two columns are null and tail. Tokens that share a character add up; what a side does not name is -inf.
    """
    chars = np.unique(np.concatenate([side.chars for side in sides]))
    logs = np.full((len(sides), len(chars) + 2), -np.inf)
    for row, side in zip(logs, sides, strict=True):
        np.logaddexp.at(row, np.searchsorted(chars, side.chars), side.log_mass)
        row[-2:] = side.null, side.tail
    return chars, logs


def _mixed(signals: Sequence[SpanSignal], weights: Floats, mean: Mean) -> SpanSignal:
    counted = [signal for signal, weight in zip(signals, weights, strict=True) if weight > 0]
    weights = weights[weights > 0]
    return SpanSignal(
        mean([signal.start for signal in counted], weights), mean([signal.end for signal in counted], weights)
    )


def _arithmetic(sides: Sequence[Side], weights: Floats) -> Side:
    chars, logs = aligned(sides)
    with np.errstate(divide="ignore"):
        mixed = np.log((weights[:, None] * np.exp(logs)).sum(0))
    return _side(chars, mixed, max(side.tail_size for side in sides))


def _geometric(sides: Sequence[Side], weights: Floats) -> Side:
    chars, logs = aligned(sides)
    left = 0
    for row, side in zip(logs, sides, strict=True):
        unnamed = ~np.isin(chars, side.chars)
        row[:-2][unnamed], row[-1], size = _shared_out(side, int(unnamed.sum()))
        left = max(left, size)
    mixed = (weights[:, None] * logs).sum(0)
    if not np.isfinite(mixed).any():
        return _arithmetic(sides, weights)
    return _side(chars, log_softmax(mixed), left)


def _shared_out(side: Side, count: int) -> tuple[float, float, int]:
    """The tail, evenly shared out to `count` characters that the side does not name and to what is left out still.

    Returns the log-mass of each character, that of the tail that is left, and how many entries are left in it. A side
    without a tail has the least mass that it names for each.
    """
    if not side.tail_size:
        possible = side.log_mass[np.isfinite(side.log_mass)]
        return (float(possible.min()) if len(possible) else -np.inf), side.tail, 0
    # With other tokens, characters may be more than the entries in the tail.
    size = max(side.tail_size - count, 0)
    each = side.tail - float(np.log(max(side.tail_size, count)))
    return each, (side.tail + float(np.log(size / side.tail_size)) if size else -np.inf), size


def _side(chars: NDArray[np.int64], mixed: Floats, tail_size: int) -> Side:
    return Side(chars, mixed[:-2], float(mixed[-2]), float(mixed[-1]), tail_size)
