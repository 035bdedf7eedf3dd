"""Texts as a model reads them: windows of tokens that know where the first token of every unit is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from distil.framework.data.features import TokenRows, WindowSettings
from distil.framework.data.offsets import cover
from distil.framework.errors import ModelError
from distil.framework.models.tokenizers import check_fast, told_of_panics
from distil.framework.progress import SILENT, Progress
from distil.framework.segments import Ints, bounds, owners, spread
from distil.framework.tasks.tagging.example import Tagged

if TYPE_CHECKING:
    from tokenizers import Encoding
    from transformers import PreTrainedTokenizerFast

_CHUNK = 512  # texts tokenised at once
_MOST_LOST = 0.05  # share of the characters that a tokenizer may drop


@dataclass(frozen=True)
class UnitRows(TokenRows):
    """N rows of the texts of E examples, which have U units altogether: see TokenRows.

    A unit is read at its first token, in the row that shows this one with the most context around it.
    """

    units: Ints  # [E + 1]  example e owns the units units[e] : units[e + 1]
    row: NDArray[np.int32]  # [U]  the row that a unit is read in; -1 for one of which no token is
    place: NDArray[np.int32]  # [U]  its token there


def unit_features(
    examples: Sequence[Tagged],
    tokenizer: "PreTrainedTokenizerFast",
    windows: WindowSettings,
    progress: Progress = SILENT,
) -> UnitRows:
    """The tokens of every text, of long ones in windows that overlap by `windows.doc_stride`.

    Raises RecipeError if rows of this length have no room for a text, ModelError for a tokenizer without offsets, and for one
    that drops many letters.
    """
    check_fast(tokenizer, f"of {tokenizer.name_or_path}")
    room = windows.max_length - tokenizer.num_special_tokens_to_add(pair=False)
    windows.check_room(room)
    parts: list[UnitRows] = []
    lost = visible = 0
    with progress.task("tokenise", len(examples)) as bar, told_of_panics(tokenizer):
        for begin in range(0, len(examples), _CHUNK):
            chunk = examples[begin : begin + _CHUNK]
            encodings = tokenizer([example.text for example in chunk], verbose=False).encodings
            part, gone, seen = _chunk(chunk, encodings, room, room - windows.doc_stride)
            parts.append(part)
            lost, visible = lost + gone, visible + seen
            bar.advance(len(chunk))
    if lost > _MOST_LOST * visible:
        raise ModelError(
            f"the tokenizer of {tokenizer.name_or_path or type(tokenizer).__name__} drops {lost} of {visible} characters: it "
            "neither knows these letters nor has a token for the unknown; use a tokenizer that was made for these texts"
        )
    return _concatenated(parts, typed="token_type_ids" in tokenizer.model_input_names)


def _chunk(
    examples: Sequence[Tagged], encodings: "Sequence[Encoding]", room: int, step: int
) -> tuple[UnitRows, int, int]:
    """The rows of some examples, and how many characters no token covers, of how many that can be seen.

    room: tokens of a text that a row has room for; step: by which windows go forward.
    """
    shown = [np.flatnonzero(~np.asarray(one.special_tokens_mask, bool)) for one in encodings]
    whole = next((one for one, places in zip(encodings, shown, strict=True) if len(places)), encodings[0])
    special = np.flatnonzero(np.asarray(whole.special_tokens_mask, bool))
    text = np.flatnonzero(~np.asarray(whole.special_tokens_mask, bool))
    before = special[special < text[0]] if len(text) else special[:0]
    after = special[special > text[-1]] if len(text) else special
    ids, types = (
        np.concatenate([np.asarray(values, np.int32)[at] for values, at in zip(column, shown, strict=True)])
        for column in ([one.ids for one in encodings], [one.type_ids for one in encodings])
    )
    tokens = bounds(np.asarray([len(places) for places in shown], np.int64))  # of every text

    counts = 1 + -(-np.maximum(np.diff(tokens) - room, 0) // step)
    firsts = bounds(counts)  # rows of every text
    owner = owners(firsts)
    begins = (np.arange(len(owner)) - firsts[owner]) * step
    sizes = np.minimum(room, np.diff(tokens)[owner] - begins)
    own, rows = bounds(sizes), bounds(sizes + len(before) + len(after))
    within = np.arange(own[-1]) - spread(own[:-1], own)
    places = spread(rows[:-1] + len(before), own) + within
    token = spread(tokens[owner] + begins, own) + within
    input_ids, token_types = np.zeros(rows[-1], np.int32), np.zeros(rows[-1], np.int8)
    input_ids[places], token_types[places] = ids[token], types[token]
    for at, specials in ((rows[:-1], before), (rows[1:] - len(after), after)):
        for number, place in enumerate(specials.tolist()):
            input_ids[at + number], token_types[at + number] = whole.ids[place], whole.type_ids[place]

    offsets = np.concatenate(
        [np.asarray(one.offsets, np.int32).reshape(-1, 2)[at] for one, at in zip(encodings, shown, strict=True)]
    )
    covered = cover([example.text for example in examples], offsets, tokens)
    units = bounds(np.asarray([len(example.units) for example in examples], np.int64))
    first = _first_tokens(examples, units, covered.spans, tokens)
    window, place = _best_windows(first, owners(units), tokens, room, step)
    part = UnitRows(
        rows=rows,
        input_ids=input_ids,
        token_types=token_types,
        example=owner.astype(np.int32),
        units=units,
        row=np.where(first >= 0, firsts[owners(units)] + window, -1).astype(np.int32),
        place=np.where(first >= 0, place + len(before), 0).astype(np.int32),
    )
    return part, int(covered.lost.sum()), int(covered.visible.sum())


def _first_tokens(examples: Sequence[Tagged], units: Ints, spans: NDArray[np.int32], tokens: Ints) -> Ints:
    """The number, within its text, of the first token that has a part in each unit; -1 if none has. [U]"""
    stride = max((len(example.text) for example in examples), default=0) + 1  # all texts in one row
    base = owners(tokens) * stride
    some = spans[:, 0] < spans[:, 1]
    ends = np.maximum.accumulate(np.where(some, spans[:, 1] + base, 0))
    edges = np.asarray([unit for example in examples for unit in example.units], np.int64).reshape(-1, 2)
    edges = edges + (owners(units) * stride)[:, None]
    found = np.searchsorted(ends, edges[:, 0], side="right")
    there = found < len(ends)
    found = np.where(there, found, 0)
    if len(ends):
        there &= (spans[:, 0] + base)[found] < edges[:, 1]
    return np.where(there, found - tokens[owners(units)], -1)


def _best_windows(token: Ints, owner: Ints, tokens: Ints, room: int, step: int) -> tuple[Ints, Ints]:
    """For each unit's token, by its number within the text of `owner`, the window that shows the most of what stands around
    it, the first of equal ones, and its place there. Context is the smaller of what lies to the left and to the right. [U]"""
    length = np.diff(tokens)[owner]
    last = -(-np.maximum(length - room, 0) // step)
    lowest = np.maximum(-(-(token - room + 1) // step), 0)
    best, most = np.zeros_like(token), np.full_like(token, -1)
    for number in range(-(-room // step)):
        window = lowest + number
        begin = window * step
        around = np.minimum(token - begin, np.minimum(begin + room, length) - 1 - token)
        better = (window <= last) & (begin <= token) & (around > most)
        best, most = np.where(better, window, best), np.where(better, around, most)
    return best, token - best * step


def _concatenated(parts: Sequence[UnitRows], *, typed: bool) -> UnitRows:
    rows = np.cumsum([0, *(len(part) for part in parts)])
    examples = np.cumsum([0, *(len(part.units) - 1 for part in parts)])
    empty = np.empty(0, np.int32)
    return UnitRows(
        rows=bounds(np.concatenate([np.empty(0, np.int64), *(part.lengths for part in parts)])),
        input_ids=np.concatenate([empty, *(part.input_ids for part in parts)]),
        token_types=np.concatenate(
            [np.empty(0, np.int8), *(part.token_types for part in parts if part.token_types is not None)]
        )
        if typed
        else None,
        example=np.concatenate(
            [empty, *(part.example + np.int32(at) for part, at in zip(parts, examples[:-1], strict=True))]
        ),
        units=bounds(np.concatenate([np.empty(0, np.int64), *(np.diff(part.units) for part in parts)])),
        row=np.concatenate(
            [
                empty,
                *(
                    np.where(part.row >= 0, part.row + np.int32(at), -1)
                    for part, at in zip(parts, rows[:-1], strict=True)
                ),
            ]
        ).astype(np.int32),
        place=np.concatenate([empty, *(part.place for part in parts)]),
    )
