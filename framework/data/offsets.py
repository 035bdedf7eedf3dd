"""Which characters of a text its tokens cover, where a tokenizer's own offsets leave letters out.

A byte-level tokenizer that splits a text and then puts a space before each part takes that space for one of the text, and
trims the part's first letter instead. Other tokenizers drop accents, or letters that they do not know.
"""

import unicodedata
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from framework.data.characters import is_blank

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Cover:
    """What the n tokens of a text cover.

    spans: int32 [n, 2], characters [a, b), visible ones at either end; empty for a token that covers nothing.
    lost: how many letters and digits have no token, of their own or following in their word; visible: how many characters
    can be seen.
    """

    spans: NDArray[np.int32]
    lost: int
    visible: int


def cover(text: str, offsets: NDArray[np.integer]) -> Cover:
    """What tokens with these offsets [n, 2], in the order of the text, cover.

    A character that no token covers belongs to the token that follows in its word, or else to the one before it; accents
    to the one before. White space, and what cannot be seen, such as a byte-order mark, belongs to no token.
    """
    blank = np.fromiter((is_blank(character) for character in text), bool, len(text))
    spans = _trimmed(offsets.astype(np.int32), blank)
    uncovered = np.flatnonzero(~(_covered(spans, len(text)) | blank))
    lost = 0
    if len(uncovered):
        kinds = np.asarray([unicodedata.category(text[place])[0] for place in uncovered])
        space = np.fromiter((character.isspace() for character in text), bool, len(text))
        spaces = np.concatenate([[0], np.cumsum(space)])  # before each character
        taken = _taken_by_the_next(spans, uncovered, kinds != "M", spaces)
        lost = int((~taken & np.isin(kinds, ("L", "N"))).sum())
        _give_to_the_last(spans, uncovered[~taken], spaces)
    return Cover(spans, lost, len(text) - int(blank.sum()))


def _trimmed(offsets: NDArray[np.int32], blank: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Spans without blank characters at their ends; one of nothing else stays as it is."""
    length = len(blank)
    places = np.arange(length + 1, dtype=np.int32)
    text = np.append(~blank, False)
    following = np.minimum.accumulate(np.where(text, places, length)[::-1])[::-1]
    preceding = np.maximum.accumulate(np.where(text, places, -1))
    begin = following[offsets[:, 0]]
    end = preceding[np.maximum(offsets[:, 1] - 1, 0)] + 1
    shown = (offsets[:, 0] < offsets[:, 1]) & (begin < end)
    return np.where(shown[:, None], np.stack([begin, end], axis=1), offsets).astype(np.int32)


def _covered(spans: NDArray[np.int32], length: int) -> NDArray[np.bool_]:
    """Whether a token covers each of `length` characters."""
    some = spans[spans[:, 0] < spans[:, 1]]
    changes = np.bincount(some[:, 0], minlength=length + 1) - np.bincount(some[:, 1], minlength=length + 1)
    return np.cumsum(changes)[:length] > 0


def _taken_by_the_next(
    spans: NDArray[np.int32], places: Places, asking: NDArray[np.bool_], spaces: NDArray[np.int64]
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


def _give_to_the_last(spans: NDArray[np.int32], places: Places, spaces: NDArray[np.int64]) -> None:
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
