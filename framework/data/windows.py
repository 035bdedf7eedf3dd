"""Contexts cut into overlapping windows of tokens that know which characters they cover."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from framework.data.example import Example
from framework.data.windows_section import WindowSettings
from framework.errors import ModelError
from framework.progress import SILENT, Progress

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_CHUNK = 512  # questions tokenised at once


@dataclass(frozen=True)
class Windows:
    """N windows with T tokens altogether, as columns. Window w owns the tokens rows[w] to rows[w + 1].

    Its tokens are question, context and special ones. `support` marks the tokens of the context; `spans` are the
    characters [a, b) of the context that they cover, without white space at either end.
    """

    rows: NDArray[np.int64]  # [N + 1]
    input_ids: NDArray[np.int32]  # [T]
    token_types: NDArray[np.int8] | None  # [T]; None where the model has none
    support: NDArray[np.bool_]  # [T]
    spans: NDArray[np.int32]  # [T, 2]; zeros outside the support
    best: NDArray[np.bool_]  # [T]; of all windows, this one shows the token with the most context around it
    null: NDArray[np.int32]  # [N]; place in the window of [CLS], which stands for "no answer here"
    example: NDArray[np.int32]  # [N]; number of the window's example
    reach: NDArray[np.int32]  # [N, 2]; characters [lo, hi) of the context that are this window's to answer for

    def __len__(self) -> int:
        return len(self.example)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of every window. [N]"""
        return np.diff(self.rows)

    def slice_of(self, window: int) -> slice:
        """Where the tokens of `window` lie in the token columns."""
        return slice(int(self.rows[window]), int(self.rows[window + 1]))

    def of_examples(self, count: int) -> NDArray[np.int64]:
        """Bounds of every example's windows: example e owns the windows bounds[e] to bounds[e + 1]. [count + 1]"""
        return np.searchsorted(self.example, np.arange(count + 1)).astype(np.int64)


def cut_windows(
    examples: Sequence[Example],
    tokenizer: "PreTrainedTokenizerFast",
    settings: WindowSettings,
    progress: Progress = SILENT,
) -> Windows:
    """Tokenise questions and contexts. Every example gets at least one window, in the order of `examples`.

    Raises ModelError for a tokenizer without offsets or without a token for "no answer".
    """
    null_id = _null_token(tokenizer)
    parts: list[_Window] = []
    with progress.task("tokenise", len(examples)) as task:
        for begin in range(0, len(examples), _CHUNK):
            chunk = examples[begin : begin + _CHUNK]
            encoded = tokenizer(
                shortened(tokenizer, [example.question for example in chunk], settings.max_question),
                [example.context for example in chunk],
                truncation="only_second",
                max_length=settings.max_length,
                stride=settings.doc_stride,
                return_overflowing_tokens=True,
            )
            owners = encoded["overflow_to_sample_mapping"]
            bounds = np.searchsorted(owners, np.arange(len(chunk) + 1))
            typed = "token_type_ids" in encoded
            for number, example in enumerate(chunk):
                encodings = encoded.encodings[bounds[number] : bounds[number + 1]]
                parts.extend(_windows_of(example, begin + number, encodings, null_id, typed, settings.doc_stride))
            task.advance(len(chunk))
    return _columns(parts)


@dataclass(frozen=True)
class _Window:
    input_ids: NDArray[np.int32]
    token_types: NDArray[np.int8] | None
    support: NDArray[np.bool_]
    spans: NDArray[np.int32]
    best: NDArray[np.bool_]
    null: int
    example: int
    reach: tuple[int, int]


def _null_token(tokenizer: "PreTrainedTokenizerFast") -> int:
    if not tokenizer.is_fast:
        raise ModelError(
            f"the tokenizer {type(tokenizer).__name__} of {tokenizer.name_or_path} is a slow one: it cannot tell which "
            "characters its tokens cover; use a model with a fast tokenizer (a tokenizer.json)"
        )
    null_id = tokenizer.cls_token_id if tokenizer.cls_token_id is not None else tokenizer.bos_token_id
    if null_id is None:
        raise ModelError(
            f"the tokenizer of {tokenizer.name_or_path} has neither [CLS] nor a begin-of-text token, one of which has "
            "to stand for 'no answer here'; use an encoder whose tokenizer has one"
        )
    return int(null_id)


def shortened(tokenizer: "PreTrainedTokenizerFast", questions: list[str], most: int) -> list[str]:
    """The questions without leading white space, cut after `most` tokens; a letter cut in two is left out."""
    questions = [question.lstrip() for question in questions]
    offsets = tokenizer(questions, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    return [
        question if len(spans) <= most else question[: min(spans[most - 1][1], spans[most][0])]
        for question, spans in zip(questions, offsets, strict=True)
    ]


def _windows_of(
    example: Example, number: int, encodings: list[Any], null_id: int, typed: bool, stride: int
) -> list[_Window]:
    """The windows of one example, from the tokenizer's encodings."""
    following, preceding = _text_bounds(example.context)
    contexts = [np.asarray([sequence == 1 for sequence in encoding.sequence_ids], bool) for encoding in encodings]
    best = _best_windows([int(context.sum()) for context in contexts], stride)
    windows = []
    for index, (encoding, in_context) in enumerate(zip(encodings, contexts, strict=True)):
        ids = np.asarray(encoding.ids, np.int32)
        spans = np.zeros((len(ids), 2), np.int32)
        spans[in_context] = _trimmed(np.asarray(encoding.offsets, np.int32)[in_context], following, preceding)
        support = spans[:, 1] > spans[:, 0]
        shown_best = np.zeros(len(ids), bool)
        shown_best[in_context] = best[index]
        nulls = np.flatnonzero(ids == null_id)
        covered = spans[support]
        reach = (
            0 if index == 0 else int(covered[0, 0]) if len(covered) else 0,
            len(example.context) if index == len(encodings) - 1 else int(covered[-1, 1]) if len(covered) else 0,
        )
        windows.append(
            _Window(
                input_ids=ids,
                token_types=np.asarray(encoding.type_ids, np.int8) if typed else None,
                support=support,
                spans=spans,
                best=shown_best & support,
                null=int(nulls[0]) if len(nulls) else 0,
                example=number,
                reach=reach,
            )
        )
    return windows


def _text_bounds(context: str) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """For every character, and the end: the first one from it on, and the last one up to it, that is not white space."""
    length = len(context)
    places = np.arange(length + 1, dtype=np.int32)
    text = np.fromiter((not character.isspace() for character in context), bool, length)
    text = np.append(text, False)
    following = np.minimum.accumulate(np.where(text, places, length)[::-1])[::-1].astype(np.int32)
    preceding = np.maximum.accumulate(np.where(text, places, -1)).astype(np.int32)
    return following, preceding


def _trimmed(spans: NDArray[np.int32], following: NDArray[np.int32], preceding: NDArray[np.int32]) -> NDArray[np.int32]:
    """Spans without white space at their ends; one of nothing but white space stays as it is."""
    begin = following[spans[:, 0]]
    end = preceding[np.maximum(spans[:, 1] - 1, 0)] + 1
    return np.where((begin < end)[:, None], np.stack([begin, end], axis=1), spans)


def _best_windows(counts: list[int], stride: int) -> list[NDArray[np.bool_]]:
    """For each window's context tokens: whether no other window shows that token with more context around it.

    Context around a token is the smaller of what lies to its left and to its right; the earlier window wins a tie.
    """
    if len(counts) == 1:
        return [np.ones(counts[0], bool)]
    starts = np.concatenate([[0], np.cumsum(np.asarray(counts[:-1]) - stride)])
    room = np.full(int(starts[-1]) + counts[-1], -1)
    owner = np.zeros(len(room), int)
    for window, (start, count) in enumerate(zip(starts, counts, strict=True)):
        places = slice(int(start), int(start) + count)
        here = np.minimum(np.arange(count), np.arange(count)[::-1])
        better = here > room[places]
        room[places][better] = here[better]
        owner[places][better] = window
    return [
        owner[int(start) : int(start) + count] == window
        for window, (start, count) in enumerate(zip(starts, counts, strict=True))
    ]


def _columns(parts: list[_Window]) -> Windows:
    typed = all(part.token_types is not None for part in parts)
    return Windows(
        rows=np.concatenate([[0], np.cumsum([len(part.input_ids) for part in parts])]).astype(np.int64),
        input_ids=np.concatenate([part.input_ids for part in parts]),
        token_types=np.concatenate([part.token_types for part in parts if part.token_types is not None])
        if typed
        else None,
        support=np.concatenate([part.support for part in parts]),
        spans=np.concatenate([part.spans for part in parts]),
        best=np.concatenate([part.best for part in parts]),
        null=np.asarray([part.null for part in parts], np.int32),
        example=np.asarray([part.example for part in parts], np.int32),
        reach=np.asarray([part.reach for part in parts], np.int32),
    )
