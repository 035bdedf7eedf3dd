"""Several teachers' signals together: on common entries, as their mean, how far they are from each other.

Teachers may name different outcomes, as those with different tokenizers do. What comes out for an example depends, bit for
bit, on nothing but that example.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from distil.framework.segments import Floats, Ints, bounds, maxima, minima, owners, spread, totals
from distil.framework.signals.algebra import NULL, Signals, entropy_of, normalised, single

Mean = Literal["arithmetic", "geometric"]


@dataclass(frozen=True)
class Aligned:
    """Signals of K teachers on common entries: in each head the outcomes that any of them names, each once.

    rows: [H + 1] and keys: [U] as in Signals; log_p: float64 [K, U], -inf where a teacher does not name an outcome;
    named: bool [K, U]; tail: float64 [K, H]; tail_size: int64 [K, H]; least: float64 [K, H], of the entries that a teacher
    names and that are possible, but for NULL, the least log-probability, -inf without any.
    """

    rows: Ints
    keys: Ints
    log_p: Floats
    named: NDArray[np.bool_]
    tail: Floats
    tail_size: Ints
    least: Floats


def align(signals: Sequence[Signals]) -> Aligned:
    """Signals of K >= 1 teachers about the same examples; entries for the same outcome add up."""
    count = len(signals[0].rows) - 1
    row = np.concatenate([owners(one.rows) for one in signals])
    keys = np.concatenate([one.keys for one in signals])
    logs = np.concatenate([one.log_p for one in signals]).astype(np.float64)
    teacher = np.repeat(np.arange(len(signals)), [len(one.keys) for one in signals])
    width = int(keys.max(initial=0)) + 2
    places = row * width + keys + 1
    order = np.argsort(places, kind="stable")  # of one place, teachers in turn
    places, teacher, logs = places[order], teacher[order], logs[order]
    fresh = np.append(True, places[1:] != places[:-1])[: len(places)]
    place = np.cumsum(fresh) - 1
    unique = places[fresh]
    cells, summed = _log_sums(teacher * len(unique) + place, logs)
    log_p = np.full(len(signals) * len(unique), -np.inf)
    named = np.zeros(len(log_p), bool)
    log_p[cells], named[cells] = summed, True
    return Aligned(
        rows=np.searchsorted(unique, np.arange(count + 1) * width).astype(np.int64),
        keys=unique % width - 1,
        log_p=log_p.reshape(len(signals), -1),
        named=named.reshape(len(signals), -1),
        tail=np.stack([one.tail for one in signals]).astype(np.float64),
        tail_size=np.stack([one.tail_size for one in signals]).astype(np.int64),
        least=np.stack([_least(one) for one in signals]),
    )


def _least(signals: Signals) -> Floats:
    counts = np.isfinite(signals.log_p) & (signals.keys != NULL)
    least = minima(np.where(counts, signals.log_p.astype(np.float64), np.inf), signals.rows)
    return np.where(np.isfinite(least), least, -np.inf)


def _log_sums(cells: Ints, logs: Floats) -> tuple[Ints, Floats]:
    """The distinct cells, and the logarithm of the sum of masses in each. Equal cells lie side by side."""
    fresh = np.append(True, cells[1:] != cells[:-1])[: len(cells)]
    if fresh.all():
        return cells, logs
    rows = np.append(np.flatnonzero(fresh), len(cells))
    peak = maxima(logs, rows)
    peak = np.where(np.isfinite(peak), peak, 0.0)
    with np.errstate(divide="ignore"):
        several = peak + np.log(totals(np.exp(logs - spread(peak, rows)), rows))
    return cells[fresh], np.where(np.diff(rows) == 1, logs[fresh], several)


def merged(signals: Signals) -> Signals:
    """The same with one entry for each outcome of a row, in the order of outcomes."""
    found = align([signals])
    return Signals(signals.heads, found.rows, found.keys, single(found.log_p[0]), signals.tail, signals.tail_size)


def mix(signals: Sequence[Signals], weights: Floats, mean: Mean) -> Signals:
    """`mix_heads` with the same weights [E, K] in all heads of each of E examples."""
    return mix_heads(signals, np.repeat(weights, np.diff(signals[0].heads), axis=0), mean)


def mix_heads(signals: Sequence[Signals], weights: Floats, mean: Mean) -> Signals:
    """The mean of K teachers' signals, with `weights` [H, K] that sum to 1 in each head, or are all 0.

    A teacher that weighs nothing plays no part, nor do the outcomes that only it names. Of a head that a teacher says nothing of, the
    others share its weight (see `of_those_who_speak`). Masses sum to 1; a head of which nobody that weighs anything says anything
    stays empty.

    arithmetic: Σ_k w_k · p_k; the tail has the size of the largest. geometric: Π_k p_k^w_k, scaled to sum 1; a teacher that
    does not name an outcome counts there with the average mass in its tail, which loses as much, or, if it has left out
    nothing, with the least mass that it names; where nothing is possible to all teachers, it is the arithmetic mean.
    """
    heads = signals[0].heads
    of_head = of_those_who_speak(weights, signals).T  # [K, H]
    found = _of_those_who_count(align(signals), of_head)
    mixed = _arithmetic(heads, found, of_head)
    if mean == "arithmetic":
        return mixed
    return _geometric(heads, found, of_head, mixed)


def of_those_who_speak(weights: Floats, signals: Sequence[Signals]) -> Floats:
    """The weights [H, K] without those of teachers that say nothing of a head, there scaled to sum 1 again; all 0 if nobody is left."""
    lost = ~np.stack([one.said for one in signals], axis=1) & (weights > 0)
    if not lost.any():
        return weights
    left = np.where(lost, 0.0, weights)
    total = left.sum(1, keepdims=True)
    scaled = np.divide(left, total, out=np.zeros_like(left), where=total > 0)
    return np.where(lost.any(1, keepdims=True), scaled, weights)


def _of_those_who_count(found: Aligned, weights: Floats) -> Aligned:
    """Without what teachers of no weight say. weights: [K, H]"""
    if (weights > 0).all():
        return found
    counts = weights > 0
    in_entries = np.stack([spread(of_teacher, found.rows) for of_teacher in counts])
    named = found.named & in_entries
    kept = named.any(0)
    return Aligned(
        rows=bounds(totals(kept, found.rows)),
        keys=found.keys[kept],
        log_p=np.where(in_entries, found.log_p, -np.inf)[:, kept],
        named=named[:, kept],
        tail=np.where(counts, found.tail, -np.inf),
        tail_size=np.where(counts, found.tail_size, 0),
        least=found.least,
    )


def _arithmetic(heads: Ints, found: Aligned, weights: Floats) -> Signals:
    mass, tail = np.zeros(len(found.keys)), np.zeros(len(found.rows) - 1)
    for of_teacher, log_p, log_tail in zip(weights, found.log_p, found.tail, strict=True):
        mass += spread(of_teacher, found.rows) * np.exp(log_p)
        tail += of_teacher * np.exp(log_tail)
    with np.errstate(divide="ignore"):
        return Signals(
            heads,
            found.rows,
            found.keys,
            single(np.log(mass)),
            single(np.log(tail)),
            found.tail_size.max(0).astype(np.int32),
        )


def _geometric(heads: Ints, found: Aligned, weights: Floats, otherwise: Signals) -> Signals:
    """otherwise: the arithmetic mean, for rows in which nothing is possible to all teachers."""
    logs, tail = np.zeros(len(found.keys)), np.zeros(len(found.rows) - 1)
    left = np.zeros(len(tail), np.int64)
    for teacher, of_teacher in enumerate(weights):
        each, rest, size = _shared_out(found, teacher)
        filled = np.where(found.named[teacher], found.log_p[teacher], spread(each, found.rows))
        # Who weighs nothing has no say, also on what is impossible to it.
        in_entries = spread(of_teacher, found.rows)
        logs += np.multiply(in_entries, filled, out=np.zeros_like(logs), where=in_entries > 0)
        tail += np.multiply(of_teacher, rest, out=np.zeros_like(tail), where=of_teacher > 0)
        left = np.maximum(left, np.where(of_teacher > 0, size, 0))
    possible = np.isfinite(np.maximum(maxima(logs, found.rows), tail)) & (weights > 0).any(0)
    mixed = normalised(heads, found.rows, found.keys, logs, tail, left)
    in_entries = spread(possible, found.rows)
    return Signals(
        heads,
        found.rows,
        found.keys,
        np.where(in_entries, mixed.log_p, otherwise.log_p),
        np.where(possible, mixed.tail, otherwise.tail),
        np.where(possible, mixed.tail_size, otherwise.tail_size),
    )


def _shared_out(found: Aligned, teacher: int) -> tuple[Floats, Floats, Ints]:
    """A teacher's tails, evenly shared out to the outcomes that it does not name and to what is left out still.

    Returns, for each head, the log-mass of every such outcome, that of the tail that is left, and how many outcomes are left
    in it. Without a tail each has the least mass that the teacher names. With other tokens, outcomes may be more than the
    tail has.
    """
    tail, size = found.tail[teacher], found.tail_size[teacher]
    unnamed = totals(~found.named[teacher], found.rows)
    rest = np.maximum(size - unnamed, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.where(size > 0, tail - np.log(np.maximum(np.maximum(size, unnamed), 1)), found.least[teacher])
        shrunk = tail + np.log(rest / np.maximum(size, 1))
    return each, np.where(size > 0, np.where(rest > 0, shrunk, -np.inf), tail), rest


def divergence(one: Signals, other: Signals) -> Floats:
    """The Jensen–Shannon divergence of each head (Lin 1991), in nats, over named outcomes and tails. [H]"""
    found = align([one, other])
    (mass, rest), (tail, other_tail) = np.exp(found.log_p), np.exp(found.tail)
    return _jensen_shannon(found.rows, mass, tail, rest, other_tail)


def divergence_from_others(signals: Sequence[Signals]) -> Floats:
    """Of each of K >= 2 teachers, the divergence from the arithmetic mean of those others that say something of a head; nan where
    there are none, or it says nothing itself. [K, H]"""
    found = align(signals)
    masses, tails = np.exp(found.log_p), np.exp(found.tail)
    said = np.stack([one.said for one in signals])
    apart = []
    for teacher, speaks in enumerate(said):
        others = np.delete(said, teacher, axis=0).sum(0)
        divisor = np.maximum(others, 1)
        mean = np.delete(masses, teacher, axis=0).sum(0) / spread(divisor, found.rows)
        mean_tail = np.delete(tails, teacher, axis=0).sum(0) / divisor
        each = _jensen_shannon(found.rows, masses[teacher], tails[teacher], mean, mean_tail)
        apart.append(np.where(speaks & (others > 0), each, np.nan))
    return np.stack(apart)


def _jensen_shannon(rows: Ints, one: Floats, tail: Floats, other: Floats, other_tail: Floats) -> Floats:
    together = entropy_of((one + other) / 2, rows, (tail + other_tail) / 2)
    return together - (entropy_of(one, rows, tail) + entropy_of(other, rows, other_tail)) / 2
