"""Prompts and completions as a model reads them: rows of tokens that know where the units of the completion begin."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from distil.framework.data.features import TokenRows
from distil.framework.models.tokenizers import told_of_panics
from distil.framework.progress import SILENT, Progress
from distil.framework.segments import Ints, bounds, taken
from distil.framework.tasks.text.example import Written
from distil.framework.tasks.text.prompts import PLAIN, Prompter, Wording
from distil.framework.tasks.text.token_bytes import TokenBytes
from distil.framework.tasks.text.units import SPACE, units_of
from distil.framework.training.items import row_inputs

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerFast

_CHUNK = 512  # texts tokenised at once


@dataclass(frozen=True)
class TextRows(TokenRows):
    """A row for each of E examples: its prompt, its completion and the end-of-text token; see TokenRows.

    Of an encoder-decoder the prompt is read apart from its completion; decoder_start: the tokens before a completion then, else none; longest:
    tokens to which either is padded then at most; most_completed: tokens of a completion, its end included.

    A boundary is where a unit of the completion begins, or where the text ends: U units have U + 1. One that is no beginning of a
    token has no place. led: whether a completion's first token begins with a space that is no part of it, as SentencePiece's does;
    lost: bytes of it that its tokens do not give back, all that comes behind the first of them included; end: the token that ends it.
    """

    begin: NDArray[np.int32]  # [E]  the row's first token of the completion; it is 1 at least
    boundaries: Ints  # [E + 1]  example e owns the boundaries boundaries[e] : boundaries[e + 1]
    place: NDArray[
        np.int32
    ]  # [B]  the token of the row that begins there; -1 if none does, or the row is cut before it
    before: NDArray[np.int8]  # [B]  class of the character before it; SPACE of a completion's first
    sizes: NDArray[np.int32]  # [B]  bytes of the unit that begins there; 0 of the text's end
    led: NDArray[np.bool_]  # [E]
    lost: NDArray[np.int64]  # [E]
    end: NDArray[np.int32]  # [E]
    table: TokenBytes  # of the tokenizer
    longest: int
    decoder_start: tuple[int, ...]
    most_completed: int

    @property
    def apart(self) -> bool:
        """Whether a prompt and its completion are read apart, by an encoder and by a decoder."""
        return bool(self.decoder_start)

    @property
    def decoded(self) -> NDArray[np.int64]:
        """Tokens of a row that are read together with the completion's: all, or what a decoder reads. [E]"""
        if not self.apart:
            return self.lengths
        decoded: NDArray[np.int64] = np.maximum(self.lengths - self.begin - 1, 0) + len(self.decoder_start)
        return decoded

    def inputs(self, rows: NDArray[np.int64], pad_id: int, length: int | None) -> "dict[str, Tensor]":
        """See model_inputs."""
        from distil.framework.tasks.text.sides import side_inputs

        return side_inputs(self, rows, pad_id) if self.apart else row_inputs(self, rows, pad_id, length)


def text_features(
    examples: Sequence[Written],
    tokenizer: "PreTrainedTokenizerFast",
    table: TokenBytes,
    end: int,
    start: Sequence[int],
    max_length: int,
    progress: Progress = SILENT,
    wording: Wording = PLAIN,
    decoder_start: tuple[int, ...] = (),
    most_completed: int | None = None,
) -> TextRows:
    """The tokens of every example, at most `max_length`: of a prompt that leaves no half of them for the completion the end, of a
    longer completion, or one of more than `most_completed` tokens, the beginning. One that its tokens do not give back, as where a tokenizer
    makes one space of two, is read as far as they do, and without its end, unless nothing but white space is left.

    table: see TokenBytes, with all `text_ends`; end: the token that ends a text; start: those that stand before a prompt; without any,
    `end` stands before a completion without a prompt; wording: of prompts; decoder_start: see TextRows.
    """
    parts = []
    prompter = Prompter(tokenizer, wording, start, end, bool(decoder_start))
    most = max_length if most_completed is None else most_completed
    with progress.task("tokenise", len(examples)) as bar, told_of_panics(tokenizer):
        for first in range(0, len(examples), _CHUNK):
            chunk = examples[first : first + _CHUNK]
            prompts = prompter.given(chunk)
            completions = text_tokens(tokenizer, [example.completion for example in chunk])
            for example, (given, last), ids, read in zip(
                chunk, prompts, completions, _read(chunk, completions, table), strict=True
            ):
                written = [*ids[: len(read.starts) - 1], *([last] if read.ended else [])][:most]
                room = max(max_length - len(written), max_length // 2, 1)
                parts.append(_row(example, prompter.cut(given, room), written, read, last, max_length))
            bar.advance(len(chunk))
    return _together(parts, table, max_length, decoder_start, most)


@dataclass(frozen=True)
class _Read:
    """How far the tokens of a completion are the text. starts: bytes before each of these, and up to where the last one ends; led, lost: see
    TextRows; ended: whether all that is lost is white space."""

    starts: Ints
    led: bool
    lost: int
    ended: bool


@dataclass(frozen=True)
class _Row:
    """A row's tokens, how many stand before its completion, and of its boundaries what TextRows has."""

    ids: list[int]
    begin: int
    place: Ints
    before: NDArray[np.int8]
    sizes: NDArray[np.int32]
    led: bool
    lost: int
    end: int


def _row(example: Written, given: list[int], written: list[int], read: _Read, end: int, longest: int) -> _Row:
    units = units_of(example.completion)
    found = np.searchsorted(read.starts, units.bounds)
    there = read.starts[np.minimum(found, len(read.starts) - 1)] == units.bounds
    if read.lost:  # what comes behind the last token that is read is not what stands there
        there &= found < len(read.starts) - 1
    ids = (given + written)[:longest]
    return _Row(
        ids,
        len(given),
        np.where(there & (found + len(given) < len(ids)), found + len(given), -1),
        np.concatenate([[SPACE], units.classes]).astype(np.int8),
        np.append(np.diff(units.bounds), 0).astype(np.int32),
        read.led,
        read.lost,
        end,
    )


def _together(
    parts: Sequence[_Row], table: TokenBytes, longest: int, decoder_start: tuple[int, ...], most_completed: int
) -> TextRows:
    lengths = np.asarray([len(one.ids) for one in parts], np.int64)
    return TextRows(
        rows=bounds(lengths),
        input_ids=np.asarray([token for one in parts for token in one.ids], np.int32),
        token_types=None,
        example=np.arange(len(parts), dtype=np.int32),
        begin=np.asarray([one.begin for one in parts], np.int32),
        boundaries=bounds(np.asarray([len(one.place) for one in parts], np.int64)),
        place=np.concatenate([np.empty(0, np.int32), *(one.place for one in parts)]).astype(np.int32),
        before=np.concatenate([np.empty(0, np.int8), *(one.before for one in parts)]),
        sizes=np.concatenate([np.empty(0, np.int32), *(one.sizes for one in parts)]),
        led=np.asarray([one.led for one in parts], np.bool_),
        lost=np.asarray([one.lost for one in parts], np.int64),
        end=np.asarray([one.end for one in parts], np.int32),
        table=table,
        longest=longest,
        decoder_start=decoder_start,
        most_completed=most_completed,
    )


def text_tokens(tokenizer: "PreTrainedTokenizerFast", texts: list[str]) -> list[list[int]]:
    """Without special tokens; those that stand in a text are text."""
    found = tokenizer(texts, add_special_tokens=False, split_special_tokens=True, verbose=False)
    ids: list[list[int]] = found["input_ids"]
    return ids


def _read(examples: Sequence[Written], tokens: Sequence[Sequence[int]], table: TokenBytes) -> Iterator[_Read]:
    """How far the tokens of each completion are the text. SentencePiece's space before it counts as no byte of it."""
    flat = np.asarray([token for ids in tokens for token in ids], np.int64)
    places, rows = taken(table.rows, flat)
    content = table.content[places].tobytes()
    edges = bounds(np.asarray([len(ids) for ids in tokens], np.int64))
    for example, first, last in zip(examples, edges[:-1], edges[1:], strict=True):
        starts = rows[first : last + 1] - rows[first]
        text, read = example.completion.encode(), content[rows[first] : rows[last]]
        led = read == b" " + text
        if not led and read != text:
            led = _shared(read, b" " + text) > _shared(read, text)
        text = b" " + text if led else text
        if read != text:
            found = int(np.searchsorted(starts, _shared(read, text), side="right")) - 1
            starts = starts[: int(np.searchsorted(starts, starts[found])) + 1]  # less tokens of nothing that end it
        led &= len(starts) > 1  # no token, and so none with that space
        left = example.completion.encode()[max(int(starts[-1]) - led, 0) :]
        yield _Read(np.maximum(starts - led, 0), led, len(left), not left.strip())


def _shared(one: bytes, other: bytes) -> int:
    """Bytes with which both begin."""
    unlike = (number for number, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    return next(unlike, min(len(one), len(other)))
