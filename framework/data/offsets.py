"""Which characters of a text its tokens cover, where a tokenizer's own offsets leave letters out.

A byte-level tokenizer that splits a text and then puts a space before each part takes that space for one of the text, and
trims the part's first letter instead. Other tokenizers drop accents, or letters that they do not know.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distil.framework.data.characters import blank, codes, is_space
from distil.framework.segments import bounds, spread, totals

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Cover:
    """What the tokens of E texts cover.

    spans: int32 [n, 2], characters [a, b) of the token's text, visible ones at either end; empty for a token that covers
    nothing. lost: [E], how many letters and digits have no token, of their own or following in their word; visible: [E], how
    many characters can be seen.
    """

    spans: NDArray[np.int32]
    lost: NDArray[np.int64]
    visible: NDArray[np.int64]


def cover(texts: Sequence[str], offsets: NDArray[np.integer], rows: NDArray[np.int64]) -> Cover:
    """What tokens with these offsets [n, 2] cover, of which text e has those numbered rows[e] : rows[e + 1], in its order.

    A character that no token covers belongs to the token that follows in its word, or else to the one before it; accents
    to the one before. White space, and what cannot be seen, such as a byte-order mark, belongs to no token.
    """
    # All texts as one, with white space between, so that no word goes on in the next.
    characters = codes(" ".join([*texts, ""]))
    begins = bounds(np.asarray([len(text) + 1 for text in texts], np.int64))
    unseen = blank(characters)
    base = spread(begins[:-1], rows)[:, None]
    spans = _trimmed(offsets + base, unseen)
    uncovered = np.flatnonzero(~(_covered(spans, len(characters)) | unseen))
    lost = np.zeros(len(texts), np.int64)
    if len(uncovered):
        kinds = np.asarray([unicodedata.category(chr(code))[0] for code in characters[uncovered].tolist()])
        spaces = np.concatenate([[0], np.cumsum(is_space(characters))])  # before each character
        taken = _taken_by_the_next(spans, uncovered, kinds != "M", spaces)
        gone = uncovered[~taken & np.isin(kinds, ("L", "N"))]
        lost = np.bincount(np.searchsorted(begins, gone, side="right") - 1, minlength=len(texts))
        _give_to_the_last(spans, uncovered[~taken], spaces)
    return Cover((spans - base).astype(np.int32), lost, totals(~unseen, begins))


def _trimmed(offsets: Places, blank: NDArray[np.bool_]) -> Places:
    """Spans without blank characters at their ends; one of nothing else stays as it is."""
    length = len(blank)
    places = np.arange(length + 1)
    text = np.append(~blank, False)
    following = np.minimum.accumulate(np.where(text, places, length)[::-1])[::-1]
    preceding = np.maximum.accumulate(np.where(text, places, -1))
    begin = following[offsets[:, 0]]
    end = preceding[np.maximum(offsets[:, 1] - 1, 0)] + 1
    shown = (offsets[:, 0] < offsets[:, 1]) & (begin < end)
    return np.where(shown[:, None], np.stack([begin, end], axis=1), offsets)


def _covered(spans: Places, length: int) -> NDArray[np.bool_]:
    """Whether a token covers each of `length` characters."""
    some = spans[spans[:, 0] < spans[:, 1]]
    changes = np.bincount(some[:, 0], minlength=length + 1) - np.bincount(some[:, 1], minlength=length + 1)
    return np.cumsum(changes)[:length] > 0


def _taken_by_the_next(
    spans: Places, places: Places, asking: NDArray[np.bool_], spaces: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Give those of the places that are `asking` to the token that follows in their word; whether there is one."""
    text = np.append(spaces[1:] == spaces[:-1], True)
    ends = np.maximum.accumulate(np.where(text[spans[:, 0]] | (spans[:, 0] == spans[:, 1]), spans[:, 1], 0))
    token = np.searchsorted(ends, places, side="right")
    there = asking & (token < len(spans))
    begins = np.append(spans[:, 0], 0)[token]
    there &= spaces[begins] == spaces[places]
    np.minimum.at(spans[:, 0], token[there], places[there])
    return there


def _give_to_the_last(spans: Places, places: Places, spaces: NDArray[np.int64]) -> None:
    """Give the places to the last token before them, if it is of their word."""
    text = np.append(spaces[1:] == spaces[:-1], False)
    some = np.flatnonzero(text[spans[:, 0]] & (spans[:, 0] < spans[:, 1]))
    if not len(some):
        return
    ends = np.maximum.accumulate(spans[some, 1])
    # A token may lie within one before it: the one that reaches furthest is the last.
    furthest = np.maximum.accumulate(np.where(spans[some, 1] == ends, np.arange(len(some)), 0))
    last = np.searchsorted(ends, places, side="right") - 1
    of_word = (last >= 0) & (spaces[ends[last]] == spaces[places])
    np.maximum.at(spans[:, 1], some[furthest[last[of_word]]], places[of_word] + 1)
