"""Prompts and completions as a model reads them: rows of tokens that know where the units of the completion begin."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from distil.framework.data.features import TokenRows
from distil.framework.errors import ModelError
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
_SHOWN = 40  # bytes of a text in a message


@dataclass(frozen=True)
class TextRows(TokenRows):
    """A row for each of E examples: its prompt, its completion and the end-of-text token; see TokenRows.

    Of an encoder-decoder the prompt is read apart from its completion; decoder_start: the tokens before a completion then, else none; longest:
    tokens to which either is padded then at most.

    A boundary is where a unit of the completion begins, or where the text ends: U units have U + 1. One that is no beginning of a
    token has no place. led: whether a completion's first token begins with a space that is no part of it, as SentencePiece's does.
    """

    begin: NDArray[np.int32]  # [E]  the row's first token of the completion; it is 1 at least
    boundaries: Ints  # [E + 1]  example e owns the boundaries boundaries[e] : boundaries[e + 1]
    place: NDArray[
        np.int32
    ]  # [B]  the token of the row that begins there; -1 if none does, or the row is cut before it
    before: NDArray[np.int8]  # [B]  class of the character before it; SPACE of a completion's first
    sizes: NDArray[np.int32]  # [B]  bytes of the unit that begins there; 0 of the text's end
    led: NDArray[np.bool_]  # [E]
    table: TokenBytes  # of the tokenizer
    longest: int
    decoder_start: tuple[int, ...]

    @property
    def apart(self) -> bool:
        """Whether a prompt and its completion are read apart, by an encoder and by a decoder."""
        return bool(self.decoder_start)

    @property
    def decoded(self) -> NDArray[np.int64]:
        """Tokens of a row that are read together with the completion's: all, or what a decoder reads. [E]"""
        return self.lengths - self.begin + len(self.decoder_start) - 1 if self.apart else self.lengths

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
) -> TextRows:
    """The tokens of every example, at most `max_length`: of a prompt that leaves no half of them for the completion the end, of a
    longer completion the beginning.

    table: see TokenBytes, with all `text_ends`; end: the token that ends a text; start: those that stand before a prompt; without any,
    `end` stands before a completion without a prompt; wording: of prompts; decoder_start: see TextRows. Raises ModelError for a tokenizer that loses part of a text.
    """
    parts, leads = [], []
    prompter = Prompter(tokenizer, wording, start, end, bool(decoder_start))
    with progress.task("tokenise", len(examples)) as bar, told_of_panics(tokenizer):
        for first in range(0, len(examples), _CHUNK):
            chunk = examples[first : first + _CHUNK]
            prompts = prompter.given(chunk)
            completions = text_tokens(tokenizer, [example.completion for example in chunk])
            starts = _byte_starts(chunk, completions, table, tokenizer)
            for example, (given, last), completion, (at, led) in zip(chunk, prompts, completions, starts, strict=True):
                room = max(max_length - len(completion) - 1, max_length // 2, 1)
                parts.append(_row(example, prompter.cut(given, room), [*completion, last], at, max_length))
                leads.append(led)
            bar.advance(len(chunk))
    return _together(parts, leads, table, max_length, decoder_start)


_Part = tuple[list[int], int, Ints, NDArray[np.int8], NDArray[np.int32]]


def _row(example: Written, given: list[int], written: list[int], starts: Ints, longest: int) -> _Part:
    """Tokens, where the completion begins in them, places, classes, sizes. starts: bytes before every token of the completion, and its
    length."""
    units = units_of(example.completion)
    found = np.searchsorted(starts, units.bounds)
    there = starts[np.minimum(found, len(starts) - 1)] == units.bounds
    ids = (given + written)[:longest]
    place = np.where(there & (found + len(given) < len(ids)), found + len(given), -1)
    return (
        ids,
        len(given),
        place,
        np.concatenate([[SPACE], units.classes]).astype(np.int8),
        np.append(np.diff(units.bounds), 0).astype(np.int32),
    )


def _together(
    parts: Sequence[_Part], leads: Sequence[bool], table: TokenBytes, longest: int, decoder_start: tuple[int, ...]
) -> TextRows:
    lengths = np.asarray([len(ids) for ids, *_ in parts], np.int64)
    return TextRows(
        rows=bounds(lengths),
        input_ids=np.asarray([token for ids, *_ in parts for token in ids], np.int32),
        token_types=None,
        example=np.arange(len(parts), dtype=np.int32),
        begin=np.asarray([begin for _, begin, *_ in parts], np.int32),
        boundaries=bounds(np.asarray([len(place) for *_, place, _, _ in parts], np.int64)),
        place=np.concatenate([np.empty(0, np.int32), *(place for *_, place, _, _ in parts)]).astype(np.int32),
        before=np.concatenate([np.empty(0, np.int8), *(before for *_, before, _ in parts)]),
        sizes=np.concatenate([np.empty(0, np.int32), *(sizes for *_, sizes in parts)]),
        led=np.asarray(leads, np.bool_),
        table=table,
        longest=longest,
        decoder_start=decoder_start,
    )


def text_tokens(tokenizer: "PreTrainedTokenizerFast", texts: list[str]) -> list[list[int]]:
    """Without special tokens; those that stand in a text are text."""
    found = tokenizer(texts, add_special_tokens=False, split_special_tokens=True, verbose=False)
    ids: list[list[int]] = found["input_ids"]
    return ids


def _byte_starts(
    examples: Sequence[Written],
    tokens: Sequence[Sequence[int]],
    table: TokenBytes,
    tokenizer: "PreTrainedTokenizerFast",
) -> list[tuple[Ints, bool]]:
    """Bytes before every token of each completion, and its length; and whether SentencePiece's space stands before it, which counts as
    no byte of it. Raises ModelError where the tokens are not the text."""
    flat = np.asarray([token for ids in tokens for token in ids], np.int64)
    places, rows = taken(table.rows, flat)
    content = table.content[places].tobytes()
    edges = bounds(np.asarray([len(ids) for ids in tokens], np.int64))
    found = []
    for example, first, last in zip(examples, edges[:-1], edges[1:], strict=True):
        starts = rows[first : last + 1] - rows[first]
        text, read = example.completion.encode(), content[rows[first] : rows[last]]
        led = read == b" " + text
        if led:
            starts = np.maximum(starts - 1, 0)
        elif read != text:
            read = read.removeprefix(b" ") if not text.startswith(b" ") else read
            at = next(
                (n for n, (a, b) in enumerate(zip(read, text, strict=False)) if a != b), min(len(read), len(text))
            )
            shown = [part[at : at + _SHOWN].decode("utf-8", "replace") for part in (read, text)]
            raise ModelError(
                f"the tokenizer of {tokenizer.name_or_path or type(tokenizer).__name__} does not give back the text that it has read: it "
                f"makes {shown[0]!r} of {shown[1]!r} in '{example.id}'; models of texts need one that loses nothing"
            )
        found.append((starts, led))
    return found
