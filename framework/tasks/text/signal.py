"""What teachers think of texts, as signals: of every boundary of a completion two heads, the first byte of what follows (256 of them,
or the end), and whether the unit follows that stands there.

An example with B boundaries has the B heads of first bytes, then the B of units. A head that a model says nothing of, as its tokens
have no boundary there, has no entries.

Of a teacher that is asked about next tokens there are more behind these, whose outcomes are the tokens of its tokenizer, and one behind them
for all tokens that end a text, as a student may end it by another: one for every byte of
the completion, at which a token may begin, one for its end, and before them all one for a space that some tokenizers put before a text.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from distil.framework.ensembles.base import Unfolding
from distil.framework.segments import Floats, Ints, bounds, owners, totals
from distil.framework.signals.algebra import Signals, concat, normalised
from distil.framework.tasks.text.example import Written
from distil.framework.tasks.text.token_bytes import END, OUTCOMES
from distil.framework.tasks.text.units import Units, units_of

if TYPE_CHECKING:
    from distil.framework.tasks.text.features import TextRows
    from distil.framework.tasks.text.probabilities import Places
    from distil.framework.tasks.text.token_bytes import TokenBytes

NO, YES = 0, 1
_LEAST = 1e-9  # a first byte that is less likely joins the tail


def heads_of(places: "Places", heads: Ints) -> tuple[Ints, Ints]:
    """The head of first bytes and that of units of the boundaries of a batch, [R] each. heads: of the signals about its rows, [B + 1]"""
    count = places.count.numpy()
    ends = np.cumsum(count)
    owner = np.searchsorted(ends, places.number.numpy(), side="right")
    byte_head = heads[owner] + places.number.numpy() - (ends - count)[owner]
    return byte_head, byte_head + count[owner]


def token_heads(places: "Places", heads: Ints) -> Ints:
    """The head of every token of a batch, [M]. heads: see heads_of"""
    item = places.item.numpy()
    found: Ints = heads[item] + 2 * places.count.numpy()[item] + places.start.numpy()
    return found


def write_units(
    first_bytes: NDArray[np.floating],
    units: NDArray[np.floating],
    places: "Places",
    tokens: NDArray[np.floating] | None = None,
    table: "TokenBytes | None" = None,
) -> Signals:
    """The signals about the rows of a batch. first_bytes, units: see UnitLogits, [R, 257] and [R]; places: where these are, on the host;
    tokens: see likeliest, [M, 2 k + 1]; table: of the vocabulary, where there are any."""
    count, whole = places.count.numpy(), places.whole.numpy()
    first, unit = np.exp(first_bytes.astype(np.float64)), np.exp(units.astype(np.float64))
    heads = 2 * bounds(count)
    if tokens is not None:
        heads += bounds(places.bytes.numpy() + 2)
    byte_head, unit_head = heads_of(places, heads)
    first[~places.shows.numpy()] = 0.0
    named = first >= _LEAST
    sizes = np.zeros(int(heads[-1]), np.int64)
    sizes[byte_head] = named.sum(1)
    sizes[unit_head[whole]] = 2
    if tokens is not None and table is not None:
        token_head = token_heads(places, heads)
        of_tokens = _with_one_end(tokens, table)
        sizes[token_head] = of_tokens[0]
    rows = bounds(sizes)
    keys, mass = np.zeros(int(rows[-1]), np.int64), np.zeros(int(rows[-1]))
    at = _cells(rows, byte_head, named.sum(1))
    keys[at], mass[at] = np.nonzero(named)[1], first[named]
    at = rows[unit_head[whole]]
    keys[at], mass[at] = NO, 1 - unit[whole]
    keys[at + 1], mass[at + 1] = YES, unit[whole]
    tail, tail_size = np.zeros(len(sizes)), np.zeros(len(sizes), np.int64)
    shown = byte_head[places.shows.numpy()]
    left = ~named[places.shows.numpy()]
    tail[shown], tail_size[shown] = (first[places.shows.numpy()] * left).sum(1), left.sum(1)
    if tokens is not None and table is not None:
        at = _cells(rows, token_head, of_tokens[0])
        _, keys[at], mass[at] = of_tokens
        tail[token_head] = np.exp(tokens[:, -1], dtype=np.float64)
        tail_size[token_head] = len(table.first) - tokens.shape[1] // 2
    with np.errstate(divide="ignore"):
        return normalised(heads, rows, keys, np.log(mass), np.log(tail), tail_size)


def _with_one_end(tokens: NDArray[np.floating], table: "TokenBytes") -> tuple[Ints, Ints, Floats]:
    """How many outcomes each of M tokens names, which these are, and their masses: all that end a text are one, numbered as the vocabulary is
    large; what has no mass is none, as it may only fill up the row. tokens: see likeliest."""
    count = tokens.shape[1] // 2
    keys, mass = tokens[:, count:-1].astype(np.int64), np.exp(tokens[:, :count], dtype=np.float64)
    ends = table.first[keys] == END
    first = ends & (np.cumsum(ends, 1) == 1)
    mass = np.where(first, np.where(ends, mass, 0.0).sum(1, keepdims=True), mass)
    kept = (first | ~ends) & (mass > 0)
    return kept.sum(1), np.where(first, len(table.first), keys)[kept], mass[kept]


def weighed_as(examples: Sequence[Written], signals: Signals) -> Ints | None:
    """See Task: a token has the weights of the unit in which it begins, or of the end."""
    units, count = _units(examples)
    sizes = np.diff(signals.heads)
    if (sizes == 2 * count).all():
        return None
    found = [np.empty(0, np.int64)]
    for one, boundaries, heads in zip(units, count.tolist(), sizes.tolist(), strict=True):
        byte = np.maximum(np.arange(heads - 2 * boundaries) - 1, 0)
        found += [np.arange(2 * boundaries), boundaries + np.searchsorted(one.bounds, byte, side="right") - 1]
    return np.concatenate(found)


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


def _units(examples: Sequence[Written]) -> tuple[list[Units], Ints]:
    """Of every example, and how many boundaries it has. [E]"""
    units = [units_of(example.completion) for example in examples]
    return units, np.asarray([len(one.bounds) for one in units], np.int64)


def head_sizes(examples: Sequence[Written]) -> Ints:
    """Outcomes of every head about the examples. [H]"""
    _, count = _units(examples)
    sizes: Ints = np.repeat(np.tile([OUTCOMES, 2], len(count)), np.repeat(count, 2))
    return sizes


def head_bytes(examples: Sequence[Written]) -> Ints:
    """Bytes of every unit, of its head; 0 of those of first bytes and of ends. [H]"""
    found = [np.empty(0, np.int64)]
    for units in _units(examples)[0]:
        found += [np.zeros(len(units.bounds), np.int64), np.append(np.diff(units.bounds), 0)]
    return np.concatenate(found)


def gold_outcomes(examples: Sequence[Written]) -> Ints:
    """The byte that stands at every boundary, and both outcomes of its unit. [H, 2]"""
    found = [np.empty((0, 2), np.int64)]
    for example in examples:
        at = units_of(example.completion).bounds
        content = np.append(np.frombuffer(example.completion.encode(), np.uint8).astype(np.int64), END)
        found += [np.repeat(content[at, None], 2, axis=1), np.tile([NO, YES], (len(at), 1))]
    return np.concatenate(found)


def predictions(examples: Sequence[Written], signals: Signals) -> dict[str, dict[str, object]]:
    """By id: bits of the units of which anything is said, and their bytes. signals: of units, and of nothing else"""
    units, _ = _units(examples)
    sizes = [np.append(np.diff(one.bounds), 0) for one in units]
    taken, size = bits(signals, np.concatenate([np.empty(0, np.int64), *sizes]))
    return {
        example.id: {"bits": float(taken[number]), "bytes": int(size[number]), "text": None}
        for number, example in enumerate(examples)
    }


def signals_of_logits(features: "TextRows", logits: Sequence[NDArray[np.float32]], next_tokens: int = 0) -> Signals:
    """The signals of a model whose logits at all tokens of each row are here, each [V, tokens]. next_tokens: see InferenceConfig"""
    import torch

    from distil.framework.tasks.text.next_tokens import likeliest
    from distil.framework.tasks.text.probabilities import FirstBytes, UnitLogits, places_of

    table, parts = FirstBytes.of(features.table), []
    for row, values in enumerate(logits):
        places = places_of(features, np.asarray([row]), values.shape[1])
        asked = UnitLogits(torch.from_numpy(values.T).index_select(0, places.token), table, places)
        named = likeliest(asked.logits, len(table.cell), next_tokens).numpy() if next_tokens else None
        parts.append(write_units(asked.first_bytes.numpy(), asked.units.numpy(), places, named, features.table))
    return concat(parts)


def unfolding_of(signals: Signals) -> Unfolding:
    """In which order the heads show what stands there: boundary by boundary, each unit once it is over. A first byte shows nothing
    that its unit does not."""
    owner = owners(signals.heads)
    place = np.arange(len(owner)) - signals.heads[:-1][owner]
    boundaries = (np.diff(signals.heads) // 2)[owner]
    unit = place >= boundaries
    return Unfolding(np.where(unit, place - boundaries, place), np.where(unit, YES, -1))
