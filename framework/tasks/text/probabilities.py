"""What a causal model thinks of the units of a text, whatever its tokenizer: each one's probability, and that of every first byte.

A model gives probabilities of tokens, of which those that begin with other characters than the unit goes on with end it. With S the
mass of all tokens that may follow a unit (they begin with another class of characters than its last, or end the text),

    P(unit | prefix) = Π P(token | …) · S(after it) / S(before it),

so that the probabilities of all units that may stand there sum to 1 for every tokenizer that cuts there (docs/signals.md; Pimentel &
Meister, arXiv 2406.14561; Oh & Schuler, arXiv 2406.10851). The first byte's is P(b) = Σ P(token) / S over those of these tokens that
begin with b (Vieira et al., arXiv 2412.03719).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from distil.framework.segments import bounds, totals
from distil.framework.tasks.text.features import TextRows
from distil.framework.tasks.text.sides import decoder_length
from distil.framework.tasks.text.token_bytes import CLASSES, END, ENDS, NEVER, OUTCOMES, TokenBytes
from distil.framework.tasks.text.units import LETTER, NUMBER, OTHER, SPACE

if TYPE_CHECKING:
    from torch import Tensor

_LEAST = 1e-30  # a mass of 0 has no logarithm
_MAY_BEGIN = (SPACE, LETTER, NUMBER, OTHER, ENDS)


@dataclass(frozen=True)
class Places:
    """Where a batch of B rows of L tokens is read: M tokens of completions, R boundaries that have a place.

    token: int64 [M], which of the B · L logits says what each one is; target: int64 [M], which it is; item: int64 [M], whose; at: int64
    [R], the token, of these M, that begins at a boundary; before: int64 [R], see TextRows; owner: int64 [M], the boundary, of these R,
    that a token comes after; last: bool [R], whether the text ends there; whole: bool [R], whether the unit ends at the next boundary;
    shows: bool [R], whether the first byte of the token there is the text's;
    number: int64 [R], the boundary's among all of the batch; count: int64 [B], boundaries of every row; start: int64 [M], bytes of the
    completion before a token, with a space that its tokenizer puts before it; of all others one more; bytes: int64 [B], of every completion; end: int64 [B], the token that ends it.
    """

    token: "Tensor"
    target: "Tensor"
    item: "Tensor"
    at: "Tensor"
    before: "Tensor"
    owner: "Tensor"
    last: "Tensor"
    whole: "Tensor"
    shows: "Tensor"
    number: "Tensor"
    count: "Tensor"
    start: "Tensor"
    bytes: "Tensor"
    end: "Tensor"


def places_of(features: TextRows, rows: NDArray[np.int64], length: int) -> Places:
    """Where the `rows`, padded to `length` on the right, are read."""
    import torch

    lengths, begin = features.lengths[rows], features.begin[rows].astype(np.int64)
    written = lengths - begin
    item = np.repeat(np.arange(len(rows)), written)
    offset = np.arange(written.sum()) - np.repeat(np.cumsum(written) - written, written)
    column = np.repeat(begin, written) + offset
    first = np.cumsum(written) - written  # of each row, among the M
    counts = np.diff(features.boundaries)[rows]
    number = np.repeat(features.boundaries[:-1][rows] - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())
    of = np.repeat(np.arange(len(rows)), counts)
    place = features.place[number].astype(np.int64)
    known = place >= 0
    last = np.zeros(len(place), bool)
    last[np.cumsum(counts) - 1] = True
    begins = np.zeros(len(place), bool)
    begins[np.cumsum(counts) - counts] = True
    followed = np.append(known[1:], False) | last
    at = (place - begin[of] + first[of])[known]
    owner = np.searchsorted(at, np.arange(len(item)), side="right") - 1
    target = features.input_ids[features.rows[rows][item] + column]
    sizes = features.table.lengths[target]
    before = np.cumsum(sizes) - sizes
    if features.apart:
        length = decoder_length(features, rows)
    said_by = offset + len(features.decoder_start) if features.apart else column
    found = {
        "token": item * length + said_by - 1,
        "target": target,
        "item": item,
        "at": at,
        "before": features.before[number][known],
        "owner": owner,
        "last": last[known],
        "whole": followed[known],
        "shows": ~(begins & features.led[rows][of])[known],
        "number": np.flatnonzero(known),
        "count": counts,
        "start": before - before[first[item]] + ~features.led[rows][item],
        "bytes": totals(features.sizes[number], bounds(counts)),
        "end": features.end[rows],
    }
    as_tensors = {
        name: torch.from_numpy(np.ascontiguousarray(values if values.dtype == bool else values.astype(np.int64)))
        for name, values in found.items()
    }
    return Places(**as_tensors)


@dataclass(frozen=True)
class UnitLogits:
    """A model's logits at all M tokens of completions, and at any that fill up the batch behind them, [M or more, V], as it gives them for
    a batch. table, places: see there."""

    logits: "Tensor"
    table: "FirstBytes"
    places: Places

    @cached_property
    def tokens(self) -> "Tensor":
        """log P of every token that stands there. [M]"""
        return self._read[0]

    @cached_property
    def _read(self) -> "tuple[Tensor, Tensor]":
        from torch.nn.functional import pad

        from distil.framework.tasks.text.token_mass import token_mass

        count, cell = len(self.places.target), self.table.cell_of(self.logits.shape[1])
        target = pad(self.places.target, (0, len(self.logits) - count))
        log_p, mass = token_mass(self.logits, target, cell, CLASSES * OUTCOMES)
        return log_p[:count], mass

    @cached_property
    def _masses(self) -> "Tensor":
        """Of every first byte of the tokens that may begin at a boundary, or the end. [R, 257]"""
        cells = self._read[1].index_select(0, self.places.at).view(-1, CLASSES, OUTCOMES)
        return (cells * self.table.may_begin[self.places.before].unsqueeze(-1)).sum(1)

    @cached_property
    def _may_begin(self) -> "Tensor":
        """log S at every boundary. [R]"""
        total: Tensor = self._masses.sum(-1).clamp_min(_LEAST).log()
        return total

    @cached_property
    def first_bytes(self) -> "Tensor":
        """log P of every first byte, or of the end, given that a unit begins or the text ends there. [R, 257]"""
        return self._masses.clamp_min(_LEAST).log() - self._may_begin.unsqueeze(-1)

    @cached_property
    def units(self) -> "Tensor":
        """log P of the unit that stands at every boundary, or of the end, by whichever token; where `whole` is not, of the part up to the next
        boundary that has a place. [R]"""
        import torch

        ends = self.first_bytes[:, END]
        behind = self.places.owner >= 0
        sums = torch.zeros(len(self.places.at), device=self.tokens.device).index_add(
            0, self.places.owner[behind], self.tokens[behind]
        )
        after = torch.cat([self._may_begin[1:], self._may_begin.new_zeros(1)])
        return torch.where(self.places.last, ends, sums + after - self._may_begin).clamp(max=0.0)


@dataclass(frozen=True)
class FirstBytes:
    """Of a vocabulary: cell: int16 [V], which class and first byte each token has; may_begin: float32 [4, CLASSES], 1 where a token of
    a class may begin a unit after a character of a class, or end the text."""

    cell: "Tensor"
    may_begin: "Tensor"

    @classmethod
    def of(cls, table: TokenBytes) -> "FirstBytes":
        """Those of a tokenizer's tokens."""
        import torch

        allowed = np.zeros((4, CLASSES), np.float32)
        allowed[:, list(_MAY_BEGIN)] = 1
        for same in (LETTER, NUMBER, OTHER):
            allowed[same, same] = 0
        return cls(
            torch.from_numpy((table.classes * OUTCOMES + table.first).astype(np.int16)), torch.from_numpy(allowed)
        )

    def cell_of(self, rows: int) -> "Tensor":
        """The cell of each row of a model's head, which may have more than there are tokens. int64 [rows]"""
        from torch.nn.functional import pad

        return pad(self.cell.long(), (0, rows - len(self.cell)), value=NEVER * OUTCOMES)
