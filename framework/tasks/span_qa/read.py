"""Signals of extractive question answering, read with the tokens of windows: characters' mass goes to the tokens that
cover them (docs/signals.md)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distil.framework.segments import Floats, Ints, spread, taken, totals
from distil.framework.signals.algebra import NULL, Signals, single
from distil.framework.tasks.span_qa.windows import Windows


@dataclass(frozen=True)
class WindowTokens:
    """The tokens of R windows, by the characters that they cover.

    Characters of all windows lie in one row: character c of the r-th window at r · stride + c. tokens: [R + 1], which tokens
    are a window's; null: [R], the place in each window of the token for "no answer here"; reach: [R, 2], the characters that
    are each one's to answer for; share: [R], the part of the context within it; count: [R], tokens of the context.
    """

    stride: int
    tokens: Ints
    null: Ints
    reach: Ints
    share: Floats
    count: Ints
    starts: "_Covering"
    ends: (
        "_Covering | None"  # over mirrored characters; None where `starts` will do, as no two tokens share a character
    )

    @staticmethod
    def of(windows: Windows, rows: NDArray[np.integer], lengths: NDArray[np.integer]) -> "WindowTokens":
        """Those of the windows `rows`, whose contexts have so many characters: [R]."""
        tokens, bounds_of = taken(windows.rows, rows)
        shown = np.flatnonzero(windows.support[tokens])
        of_windows = np.searchsorted(shown, bounds_of)
        count = np.diff(of_windows)
        number = shown - spread(bounds_of[:-1], of_windows)
        stride = int(lengths.max(initial=0)) + 1
        offset = spread(np.arange(len(rows)) * stride, of_windows)
        spans = windows.spans[tokens[shown]]
        begins, ends = spans[:, 0] + offset, spans[:, 1] + offset
        apart = bool((begins[1:] >= ends[:-1]).all())
        reach = windows.reach[rows].astype(np.int64)
        return WindowTokens(
            stride=stride,
            tokens=bounds_of,
            null=windows.null[rows].astype(np.int64),
            reach=reach,
            share=np.where(count > 0, (reach[:, 1] - reach[:, 0]) / np.maximum(lengths, 1), 0.0),
            count=count,
            # Of tokens that share a character a start goes to the one that begins last, of several the first; an end, the
            # other way round, to the one that ends first, of several the last.
            starts=_Covering.of(begins, ends, number),
            ends=None if apart else _Covering.of(-ends[::-1], -begins[::-1], number[::-1]),
        )

    def places(self, window: Ints, chars: Ints, ends: NDArray[np.bool_]) -> tuple[Ints, NDArray[np.bool_]]:
        """The places of the tokens that take what starts, or where `ends` says so ends, at characters of windows. All [N].

        Uncovered characters within reach go to the nearest token, halfway to the following one for starts and to the
        preceding one for ends; all other characters go to "no answer here". Also: which ones moved so. [N]
        """
        at = window * self.stride + chars
        token = self._covered(at, ends)
        moved = np.zeros(len(token), bool)
        lost = np.flatnonzero(token < 0)
        of_lost, lost_chars = window[lost], chars[lost]
        inside = (
            (lost_chars >= self.reach[of_lost, 0]) & (lost_chars < self.reach[of_lost, 1]) & (self.count[of_lost] > 0)
        )
        token[lost[~inside]] = self.null[of_lost[~inside]]
        if inside.any():
            moving = lost[inside]
            moved[moving] = True
            nearest = self._nearest(window[moving], at[moving], ends[moving])
            token[moving] = self._covered(nearest, ends[moving])
        return token, moved

    def _covered(self, at: Ints, ends: NDArray[np.bool_]) -> Ints:
        found = self.starts.find(at)
        if self.ends is not None:
            found[ends] = self.ends.find(-at[ends] - 1)
        return found

    def _nearest(self, window: Ints, at: Ints, ends: NDArray[np.bool_]) -> Ints:
        """The nearest covered character, of the same window, to characters that are not covered."""
        before, after = self.starts.around(at)
        far = np.iinfo(np.int64).max
        to_before = np.where(before >= window * self.stride, at - before, far)
        to_after = np.where(after < (window + 1) * self.stride, after - at, far)
        return np.where((to_after < to_before) | (to_after == to_before) & ~ends, after, before)


@dataclass(frozen=True)
class _Covering:
    """Tokens in the order of their first characters, of those that begin together the first one last.

    begins, ends: [S], characters [a, b); furthest: the last end so far; tokens: their places in their windows.
    """

    begins: Ints
    ends: Ints
    furthest: Ints
    tokens: Ints

    @staticmethod
    def of(begins: Ints, ends: Ints, tokens: Ints) -> "_Covering":
        if not (begins[1:] > begins[:-1]).all():
            order = np.lexsort((-np.arange(len(begins)), begins))
            begins, ends, tokens = begins[order], ends[order], tokens[order]
        return _Covering(begins, ends, np.maximum.accumulate(ends), tokens)

    def find(self, at: Ints) -> Ints:
        """The last token that covers each of these characters, -1 where none does."""
        found = np.searchsorted(self.begins, at, side="right") - 1
        result = np.full(len(at), -1)
        if not len(self.begins):
            return result
        covers = (found >= 0) & (self.ends[found] > at)
        result[covers] = self.tokens[found[covers]]
        there = np.flatnonzero(~covers & (found > 0) & (self.furthest[found] > at))  # one that begins earlier may
        while len(there):
            found[there] -= 1
            covers = self.ends[found[there]] > at[there]
            result[there[covers]] = self.tokens[found[there[covers]]]
            there = there[~covers]
        return result

    def around(self, at: Ints) -> tuple[Ints, Ints]:
        """The covered characters before and after characters that are not covered; out of sight where there is none."""
        place = np.searchsorted(self.begins, at, side="right")
        far = np.iinfo(np.int64)
        before = np.append(self.furthest, far.min)[place - 1] - (place > 0)
        return before, np.append(self.begins, far.max)[place]


def read_spans(tokens: WindowTokens, signals: Signals) -> Signals:
    """The signals of R windows' examples, one for each window, as distributions over the places of the window's tokens.

    The place of "no answer here" takes what lies outside of the window's reach. The tail lies somewhere in the context: the
    window gets the part of it that its reach is of the context, to be spread evenly over the tokens of the context that
    have no entry (tail_size of them, 0 without a tail); the rest, or all of it if there are none, goes to "no answer here".
    """
    places, _ = _placed(tokens, signals)
    window = np.arange(len(signals.rows) - 1) // 2
    free = np.where(signals.tail_size > 0, tokens.count[window] - _named(tokens, signals.rows, places), 0)
    tail = np.exp(signals.tail.astype(np.float64))
    inside = np.where(free > 0, tail * tokens.share[window], 0.0)
    nulls = np.flatnonzero(signals.keys == NULL)
    log_p = signals.log_p.copy()
    with np.errstate(divide="ignore"):
        rest = (tail - inside)[np.searchsorted(signals.rows, nulls, side="right") - 1]
        log_p[nulls] = single(np.log(np.exp(log_p[nulls].astype(np.float64)) + rest))
        return Signals(signals.heads, signals.rows, places, log_p, single(np.log(inside)), free.astype(np.int32))


def moved_shares(tokens: WindowTokens, signals: Signals) -> Floats:
    """The share of each window's signal, whose masses sum to 1, that no token covers and that moves to the nearest. [R]"""
    _, moved = _placed(tokens, signals)
    entries = np.flatnonzero(moved)
    heads = np.searchsorted(signals.rows, entries, side="right") - 1
    mass = np.exp(signals.log_p[entries].astype(np.float64))
    return signals.head_means(np.bincount(heads, mass, len(signals.rows) - 1).astype(np.float64))


def _placed(tokens: WindowTokens, signals: Signals) -> tuple[Ints, NDArray[np.bool_]]:
    """The place of each entry's token, and whether the entry moved there from an uncovered character."""
    head = np.arange(len(signals.rows) - 1)
    window, ends = spread(head // 2, signals.rows), spread(head % 2 == 1, signals.rows)
    places, moved = tokens.places(window, signals.keys, ends)
    return places, moved


def _named(tokens: WindowTokens, rows: Ints, places: Ints) -> Ints:
    """How many different tokens each head has an entry for, "no answer here" not counted. [H]"""
    head, entry = np.arange(len(rows) - 1), np.arange(len(places))
    window = head // 2
    # Each token of a window is a cell of its start and one of its end, which its last entry keeps.
    first = 2 * tokens.tokens[window] + head % 2 * np.diff(tokens.tokens)[window]
    cell = spread(first, rows) + places
    last = np.empty(2 * tokens.tokens[-1], np.int64)
    last[cell] = entry
    last[first + tokens.null[window]] = -1
    return totals(last[cell] == entry, rows)
