"""Probability distributions that a teacher gives, as columns, and the mathematics of them (docs/signals.md).

Sums are taken in double precision. What comes out for an example depends, bit for bit, on nothing but that example.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distil.framework.segments import Floats, Ints, bounds, maxima, owners, spread, taken, totals

_FLOOR = 1e-6  # the least mass that a teacher is taken to have given the gold outcome
NULL = -1  # the outcome "none of the others", such as "no answer here"


@dataclass(frozen=True)
class Signals:
    """Distributions about E examples, of H heads altogether: natural logarithms of probabilities at temperature 1.

    An outcome may stand in a row more than once: each entry is an outcome of its own until rows are mixed, and their
    masses add up. The masses of a row and its tail sum to 1.
    """

    heads: NDArray[np.int64]  # [E + 1]  example e owns the heads heads[e] : heads[e + 1]
    rows: NDArray[np.int64]  # [H + 1]  head h owns the entries rows[h] : rows[h + 1]
    keys: NDArray[np.int64]  # [N]      outcomes, from 0 on; NULL is -1
    log_p: NDArray[np.float32]  # [N]
    tail: NDArray[np.float32]  # [H]      log of the mass of all outcomes that were left out
    tail_size: NDArray[np.int32]  # [H]      how many they are

    def __len__(self) -> int:
        """How many examples."""
        return len(self.heads) - 1

    def take(self, examples: NDArray[np.integer]) -> "Signals":
        """Those about some examples, in their order."""
        of_heads, heads = taken(self.heads, examples)
        of_entries, rows = taken(self.rows, of_heads)
        return Signals(
            heads, rows, self.keys[of_entries], self.log_p[of_entries], self.tail[of_heads], self.tail_size[of_heads]
        )

    @property
    def said(self) -> NDArray[np.bool_]:
        """Of which heads anything is said; the others have no mass at all, neither entries nor a tail. [H]"""
        return (np.diff(self.rows) > 0) | ~np.isneginf(self.tail)

    def head_means(self, values: Floats, where: NDArray[np.bool_] | None = None) -> Floats:
        """Means over each example's heads of a figure on all heads [H], of those that say something or, if given, `where`; 0 of an
        example without any. [E]"""
        counted = self.said if where is None else where
        means: Floats = totals(np.where(counted, values, 0.0), self.heads) / np.maximum(totals(counted, self.heads), 1)
        return means


def concat(parts: Sequence[Signals]) -> Signals:
    """The examples of all parts, in order. [] gives no examples."""

    return Signals(
        bounds(np.concatenate([np.empty(0, np.int64), *(np.diff(part.heads) for part in parts)])),
        bounds(np.concatenate([np.empty(0, np.int64), *(np.diff(part.rows) for part in parts)])),
        np.concatenate([np.empty(0, np.int64), *(part.keys for part in parts)]),
        np.concatenate([np.empty(0, np.float32), *(part.log_p for part in parts)]),
        np.concatenate([np.empty(0, np.float32), *(part.tail for part in parts)]),
        np.concatenate([np.empty(0, np.int32), *(part.tail_size for part in parts)]),
    )


def from_dense(
    log_p: NDArray[np.floating],
    keys: NDArray[np.integer],
    heads: NDArray[np.integer] | None = None,
    there: NDArray[np.bool_] | None = None,
) -> Signals:
    """Signals without a tail, from log-probabilities or logits [H, L], which are scaled.

    keys: [L], or [H, L] where heads differ; heads: as in Signals, by default one head an example; there: bool [H, L], which outcomes there
    are, where heads have more and fewer; what is impossible, at -inf, is an outcome all the same.
    """
    count, width = log_p.shape
    rows = np.arange(count + 1, dtype=np.int64) * width
    flat = np.ascontiguousarray(log_p, np.float64).reshape(-1)
    outcomes = np.broadcast_to(keys, log_p.shape).reshape(-1).astype(np.int64)
    if there is not None:
        kept = there.reshape(-1)
        rows, flat, outcomes = bounds(there.sum(1)), flat[kept], outcomes[kept]
    return normalised(
        np.arange(count + 1, dtype=np.int64) if heads is None else heads.astype(np.int64),
        rows,
        outcomes,
        flat,
        np.full(count, -np.inf),
        np.zeros(count, np.int32),
    )


def to_dense(signals: Signals, outcomes: int, there: NDArray[np.bool_] | None = None) -> NDArray[np.float32]:
    """Probabilities of all outcomes of every head, [H, outcomes]; a tail is shared evenly by those that are not named. Where none is left, as
    in a mean of teachers each of which has left out others, the named ones share it as they stand: the rows sum to 1. there: bool
    [H, outcomes], which of them there are, by default all."""
    heads = len(signals.rows) - 1
    owner = owners(signals.rows)
    mass = np.zeros((heads, outcomes))
    np.add.at(mass, (owner, signals.keys), np.exp(signals.log_p.astype(np.float64)))
    named = np.zeros((heads, outcomes), bool)
    named[owner, signals.keys] = True
    shares = ~named if there is None else there & ~named
    unnamed, tail, total = shares.sum(1), np.exp(signals.tail.astype(np.float64)), mass.sum(1)
    homeless = (unnamed == 0) & (tail > 0) & (total > 0)
    mass[homeless] *= (1 + tail[homeless] / total[homeless])[:, None]
    each = tail / np.maximum(unnamed, 1)
    return (mass + np.where(shares, each[:, None], 0.0)).astype(np.float32)


def normalised(
    heads: Ints, rows: Ints, keys: Ints, logs: Floats, tail: Floats, tail_size: NDArray[np.integer]
) -> Signals:
    """Signals of logarithms of masses, float64 [N] and [H], that are scaled to sum to 1 in each row."""
    peak = np.maximum(maxima(logs, rows), tail)
    peak = np.where(np.isfinite(peak), peak, 0.0)
    with np.errstate(divide="ignore"):
        mass = spread(peak, rows)
        np.exp(np.subtract(logs, mass, out=mass), out=mass)  # in place: new memory costs more than the arithmetic
        total = peak + np.log(totals(mass, rows) + np.exp(tail - peak))
        total = np.where(np.isfinite(total), total, 0.0)  # a row without any mass stays as it is
        return Signals(
            heads,
            rows,
            keys,
            np.subtract(logs, spread(total, rows), out=np.empty(len(logs), np.float32), casting="same_kind"),
            single(tail - total),
            tail_size.astype(np.int32, copy=False),
        )


def temper(signals: Signals, temperature: float) -> Signals:
    """The signals at temperature T, with masses that sum to 1, even if half precision has left them a little off.

    softmax(z / T) equals softmax(log p / T), so that a temperature can be chosen long after the signal was stored. A tail
    is taken as equal parts: m parts of r / m weigh m^(1 - 1/T) · r^(1/T) before scaling.
    """
    parts = np.log(np.maximum(signals.tail_size, 1).astype(np.float64))
    return normalised(
        signals.heads,
        signals.rows,
        signals.keys,
        signals.log_p.astype(np.float64) / temperature,
        signals.tail.astype(np.float64) / temperature + (1 - 1 / temperature) * parts,
        signals.tail_size,
    )


def keep_top(signals: Signals, count: int) -> Signals:
    """Keep the `count` heaviest entries of each head (of equal ones the first) and NULL; the others join the tail."""
    rows = signals.rows
    free = signals.keys != NULL
    if (totals(free, rows) <= count).all():
        return signals
    kept = ~free | _heaviest(signals.log_p, free, rows, count)
    left = np.where(kept, 0.0, np.exp(signals.log_p.astype(np.float64)))
    gone = totals(~kept, rows)
    with np.errstate(divide="ignore"):
        tail = np.log(np.exp(signals.tail.astype(np.float64)) + totals(left, rows))
    return Signals(
        signals.heads,
        bounds(np.diff(rows) - gone),
        signals.keys[kept],
        signals.log_p[kept],
        np.where(gone > 0, single(tail), signals.tail),
        (signals.tail_size + gone).astype(np.int32),
    )


def _heaviest(values: NDArray[np.float32], free: NDArray[np.bool_], rows: Ints, count: int) -> NDArray[np.bool_]:
    """Which of the `free` values are among their row's `count` greatest, of equal ones the first."""
    bits = values.view(np.uint32)
    rank = np.where(bits >> 31 == 1, bits, ~bits ^ np.uint32(1 << 31))  # falls as the number rises
    rank = np.where(free, rank, np.uint32(2**32 - 1))
    ordered = np.sort(owners(rows).astype(np.uint64) << np.uint64(32) | rank)
    wanted = np.minimum(totals(free, rows), count)
    at = np.minimum(rows[:-1] + np.maximum(wanted, 1) - 1, max(len(rank) - 1, 0))
    least = spread((ordered[at] & np.uint64(2**32 - 1)).astype(np.uint32), rows)
    above, equal = free & (rank < least), free & (rank == least)
    before = np.cumsum(equal)
    place = before - spread(np.append(0, before)[rows[:-1]], rows)  # among the equal ones of a row, from 1 on
    kept: NDArray[np.bool_] = above | equal & (place <= spread(wanted - totals(above, rows), rows))
    return kept


def entropy(signals: Signals) -> Floats:
    """-Σ p · log p of each head, in nats, over all entries; those in a tail are taken as equal parts of it. [H]"""
    tail = np.exp(signals.tail.astype(np.float64))
    parts = np.log(np.maximum(signals.tail_size, 1).astype(np.float64))
    result: Floats = entropy_of(np.exp(signals.log_p.astype(np.float64)), signals.rows, tail) + tail * parts
    return result


def entropy_of(mass: Floats, rows: Ints, tail: Floats) -> Floats:
    """-Σ p · log p of rows of masses and of their tails, each of which counts as one outcome. [H]"""
    return -totals(_plogp(mass), rows) - _plogp(tail)


def _plogp(mass: Floats) -> Floats:
    result: Floats = mass * np.log(np.where(mass > 0, mass, 1.0))
    return result


def log_likelihood(signals: Signals, first: NDArray[np.integer], last: NDArray[np.integer]) -> Floats:
    """Logarithm of the mass on the outcomes `first` to `last` of each head, both [H]; the same for a single one. [H]

    Where none of them is named it is the average mass in the tail, and -inf where there is no tail.
    """
    rows = signals.rows
    here = (signals.keys >= spread(first, rows)) & (signals.keys <= spread(last, rows))
    mass = totals(np.where(here, np.exp(signals.log_p.astype(np.float64)), 0.0), rows)
    average = np.exp(signals.tail.astype(np.float64)) / np.maximum(signals.tail_size, 1)
    unnamed = ~maxima(here, rows, False)
    with np.errstate(divide="ignore"):
        found: Floats = np.log(np.where(unnamed, np.where(signals.tail_size > 0, average, 0.0), mass))
    return found


def single(values: Floats) -> NDArray[np.float32]:
    """In single precision."""
    return values.astype(np.float32)


def gold_log_likelihood(signals: Signals, gold: Ints) -> Floats:
    """What signals say of the gold outcomes of each head: the logarithm of their mass, at least log 1e-6. [H]

    gold: the first and the last outcome of each head that count as gold, [H, 2].
    """
    return np.maximum(log_likelihood(signals, gold[:, 0], gold[:, 1]), np.log(_FLOOR))


def from_parts(part: NDArray[np.integer], signals: Callable[[int, Ints], Signals]) -> Signals:
    """Signals about E examples of which each is known to one of several parts: example e to `part[e]`.

    signals: given a part and the numbers of examples, what that part knows about these.
    """
    asked = [(int(number), np.flatnonzero(part == number)) for number in np.unique(part)]
    found = [signals(number, examples) for number, examples in asked]
    if len(found) == 1:
        return found[0]
    together = concat(found)
    return together.take(np.argsort(np.argsort(part, kind="stable"))) if found else together
