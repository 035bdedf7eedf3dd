"""What teachers think of texts, as signals: of every boundary of a completion two heads, the first byte of what follows (256 of them,
or the end), and whether the unit follows that stands there.

An example with B boundaries has the B heads of first bytes, then the B of units. A head that a model says nothing of, as its tokens
have no boundary there, has no entries.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from distil.framework.segments import Floats, Ints, bounds, totals
from distil.framework.signals.algebra import Signals, normalised
from distil.framework.tasks.text.token_bytes import OUTCOMES

if TYPE_CHECKING:
    from distil.framework.tasks.text.probabilities import UnitLogits

NO, YES = 0, 1
_LEAST = 1e-9  # a first byte that is less likely joins the tail


def write_units(asked: "UnitLogits") -> Signals:
    """The signals about the rows of a batch, by a model's logits on them."""
    places = asked.places
    count = places.count.cpu().numpy()
    number = places.number.cpu().numpy()
    first = asked.first_bytes.double().exp().cpu().numpy()
    unit = np.exp(asked.units.double().cpu().numpy())
    whole = places.whole.cpu().numpy()
    boundaries = bounds(count)
    heads = 2 * boundaries
    owner = np.searchsorted(boundaries, number, side="right") - 1
    byte_head = number + boundaries[owner]
    unit_head = byte_head + count[owner]
    named = first >= _LEAST
    sizes = np.zeros(int(heads[-1]), np.int64)
    sizes[byte_head] = named.sum(1)
    sizes[unit_head[whole]] = 2
    rows = bounds(sizes)
    keys, mass = np.zeros(int(rows[-1]), np.int64), np.zeros(int(rows[-1]))
    at = _cells(rows, byte_head, named.sum(1))
    keys[at], mass[at] = np.nonzero(named)[1], first[named]
    at = rows[unit_head[whole]]
    keys[at], mass[at] = NO, 1 - unit[whole]
    keys[at + 1], mass[at + 1] = YES, unit[whole]
    tail, tail_size = np.zeros(len(sizes)), np.zeros(len(sizes), np.int64)
    tail[byte_head], tail_size[byte_head] = np.where(named, 0.0, first).sum(1), OUTCOMES - named.sum(1)
    with np.errstate(divide="ignore"):
        return normalised(heads, rows, keys, np.log(mass), np.log(tail), tail_size)


def _cells(rows: Ints, heads: Ints, sizes: Ints) -> Ints:
    """The entries of some heads, which have so many."""
    return np.repeat(rows[heads], sizes) + np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)


def said(signals: Signals) -> NDArray[np.bool_]:
    """Of which heads anything is said. [H]"""
    return (np.diff(signals.rows) > 0) | (signals.tail_size > 0)


def bits(signals: Signals, sizes: NDArray[np.integer]) -> tuple[Floats, Floats]:
    """Bits that the units take of which a teacher says how likely they are, and how many bytes these have, of each example: [E], [E].

    sizes: bytes of the unit at every boundary, 0 at the end. [B]
    """
    boundaries = signals.heads // 2
    owner = np.repeat(np.arange(len(signals)), np.diff(boundaries))
    unit_head = np.arange(boundaries[-1]) + boundaries[1:][owner]
    yes = np.full(len(signals.rows) - 1, np.nan)
    is_unit = np.zeros(len(yes), bool)
    is_unit[unit_head] = True
    entry = np.repeat(is_unit, np.diff(signals.rows)) & (signals.keys == YES)
    head_of = np.repeat(np.arange(len(yes)), np.diff(signals.rows))
    yes[head_of[entry]] = signals.log_p[entry]
    log_p = yes[unit_head]
    known = ~np.isnan(log_p)
    taken = totals(np.where(known, -log_p / np.log(2), 0.0), boundaries)
    return taken, totals(np.where(known, sizes, 0).astype(np.float64), boundaries)
