"""What a model thinks of the units of a text of which only the likeliest tokens in each place are known, as servers tell them.

Of the tokens in a place those that are named have mass K, and the rest have 1 - K. S, the mass of those that may follow a unit (see
probabilities.py), lies between A, that of the named ones among them, and A + 1 - K, for which it is taken here: most of what may stand at a
boundary may begin a unit. First bytes of the rest are taken to be those of the vocabulary's tokens. With all tokens named nothing is left to
be taken for anything; docs/signals.md has the bounds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distil.framework.segments import Floats, Ints, totals
from distil.framework.signals.algebra import Signals
from distil.framework.tasks.text.features import TextRows
from distil.framework.tasks.text.probabilities import FirstBytes, places_of
from distil.framework.tasks.text.signal import write_units
from distil.framework.tasks.text.token_bytes import CLASSES, END, NEVER, OUTCOMES, TokenBytes

_LEAST = 1e-30  # a mass of 0 has no logarithm


@dataclass(frozen=True)
class TopTokens:
    """The M tokens of completions, row by row, and what may stand in their places. log_p: [M], of each; place, id, other: [N], of each
    token that is named which of the M places it may stand in, its number in the vocabulary, and log P; the one that stands there is among them."""

    log_p: Floats
    place: Ints
    id: Ints
    other: Floats


def top_signals(features: TextRows, said: TopTokens, next_tokens: int = 0) -> Signals:
    """The signals about all rows. next_tokens: see InferenceConfig"""
    places = places_of(features, np.arange(len(features)), int(features.lengths.max(initial=1)))
    at, before = places.at.numpy(), places.before.numpy()
    table, begins = features.table, FirstBytes.of(features.table).may_begin.numpy().astype(np.float64)
    boundary = np.full(len(said.log_p), -1)
    boundary[at] = np.arange(len(at))
    there = boundary[said.place] >= 0
    row, id, mass = boundary[said.place[there]], said.id[there], np.exp(said.other[there])
    named = np.bincount(row, mass, minlength=len(at))
    first = np.zeros((len(at), OUTCOMES))
    np.add.at(first, (row, table.first[id]), mass * begins[before[row], table.classes[id]])
    first += np.clip(1 - named, 0, None)[:, None] * _of_vocabulary(table, begins)[before]
    may_begin = np.maximum(first.sum(1), _LEAST)
    ends = np.bincount(row, mass * (table.first[id] == END), minlength=len(at))
    units = _units(
        said.log_p, np.log(may_begin), np.log(np.maximum(ends, _LEAST)), places.owner.numpy(), places.last.numpy()
    )
    tokens = _likeliest(said, next_tokens) if next_tokens else None
    first_bytes = np.log(np.maximum(first / may_begin[:, None], _LEAST))
    return write_units(first_bytes, units, places, tokens, table)


def _likeliest(said: TopTokens, count: int) -> Floats:
    """See likeliest; where fewer are told, others that have no mass. [M, 2 · count + 1]"""
    order = np.lexsort((-said.other, said.place))
    place = said.place[order]
    rank = np.arange(len(place)) - np.searchsorted(place, place)
    order, place, rank = order[rank < count], place[rank < count], rank[rank < count]
    count = int(rank.max(initial=0)) + 1
    found = np.full((len(said.log_p), 2 * count + 1), -np.inf)
    found[:, count:-1] = 0
    found[place, rank], found[place, count + rank] = said.other[order], said.id[order]
    with np.errstate(divide="ignore"):
        found[:, -1] = np.log(np.clip(1 - np.exp(found[:, :count]).sum(1), 0, None))
    return found


def _of_vocabulary(table: TokenBytes, begins: Floats) -> Floats:
    """The share of each first byte among the tokens that may follow a character of each class. [4, 257]"""
    count = np.zeros((CLASSES, OUTCOMES))
    usable = table.classes != NEVER
    np.add.at(count, (table.classes[usable], table.first[usable]), 1.0)
    allowed = begins @ count
    found: Floats = allowed / allowed.sum(1, keepdims=True)
    return found


def _units(log_p: Floats, mass: Floats, ends: Floats, owner: NDArray[np.int64], last: NDArray[np.bool_]) -> Floats:
    """log P of the unit at every boundary, see UnitLogits. mass: log S; ends: log P of all named tokens that end a text. [R]"""
    behind = owner >= 0
    sums = np.bincount(owner[behind], log_p[behind], minlength=len(mass))
    found: Floats = np.minimum(np.where(last, ends, sums + np.append(mass[1:], 0.0)) - mass, 0.0)
    return found


def bits_of(features: TextRows, said: TopTokens) -> Floats:
    """That the tokens of each completion take, its end included. [E]"""
    edges = np.append(0, np.cumsum(features.lengths - features.begin)).astype(np.int64)
    found: Floats = totals(said.log_p, edges) / -np.log(2)
    return found


def joined(parts: Sequence[TopTokens]) -> TopTokens:
    """Those of several rows as those of all."""
    begins = np.cumsum([0, *(len(one.log_p) for one in parts)])
    none = np.empty(0)
    return TopTokens(
        np.concatenate([none, *(one.log_p for one in parts)]),
        np.concatenate([none, *(one.place + begin for one, begin in zip(parts, begins, strict=False))]).astype(
            np.int64
        ),
        np.concatenate([none, *(one.id for one in parts)]).astype(np.int64),
        np.concatenate([none, *(one.other for one in parts)]),
    )
