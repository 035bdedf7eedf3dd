"""Contexts cut into overlapping windows of tokens that know which characters they cover."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from framework.data.joining import joined_offsets, window_starts
from framework.data.offsets import Cover, cover
from framework.data.panics import told_of_panics
from framework.data.windows_section import WindowSettings
from framework.errors import ModelError
from framework.progress import SILENT, Progress
from framework.tasks.span_qa.example import QAExample

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_CHUNK = 512  # questions tokenised at once
_MOST_LOST = 0.05  # share of the characters that a tokenizer may drop


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
    null: NDArray[np.int32]  # [N]; place in the window of [CLS] or the like, which stands for "no answer here"
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
    examples: Sequence[QAExample],
    tokenizer: "PreTrainedTokenizerFast",
    settings: WindowSettings,
    progress: Progress = SILENT,
) -> Windows:
    """Tokenise questions and contexts. Every example gets at least one window, in the order of `examples`.

    "No answer here" is [CLS] or the begin of the text, where there is none the first end of a text, such as T5's between
    question and context, or else the first token. Raises ModelError for a tokenizer without offsets, for one that drops many
    letters, and if the windows do not show a whole context.
    """
    null_id = _null_token(tokenizer)
    tokenizer.truncation_side = "right"  # windows begin at the beginning, wherever else the tokenizer would cut
    parts: list[_Window] = []
    letters: list[tuple[int, int]] = []
    with progress.task("tokenise", len(examples)) as task, told_of_panics(tokenizer):
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
            for number, example in enumerate(chunk):
                encodings = encoded.encodings[bounds[number] : bounds[number + 1]]
                windows, covered = _windows_of(
                    example, begin + number, encodings, tokenizer, settings.doc_stride, null_id
                )
                parts.extend(windows)
                letters.append((covered.lost, covered.visible))
            task.advance(len(chunk))
    _refuse_lost_letters(tokenizer, examples, np.asarray(letters, np.int64).reshape(-1, 2))
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


def _null_token(tokenizer: "PreTrainedTokenizerFast") -> int | None:
    if not tokenizer.is_fast:
        raise ModelError(
            f"the tokenizer {type(tokenizer).__name__} of {tokenizer.name_or_path} is a slow one: it cannot tell which "
            "characters its tokens cover; use a model with a fast tokenizer (a tokenizer.json)"
        )
    parts = (tokenizer.cls_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.sep_token_id)
    return next((int(number) for number in parts if number is not None), None)


def shortened(tokenizer: "PreTrainedTokenizerFast", questions: list[str], most: int) -> list[str]:
    """The questions without leading white space, cut after `most` tokens; a letter cut in two is left out."""
    questions = [question.lstrip() for question in questions]
    offsets = tokenizer(questions, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    return [
        question if len(spans) <= most else _cut(question, np.asarray(spans, np.int32), most)
        for question, spans in zip(questions, offsets, strict=True)
    ]


def _cut(question: str, offsets: NDArray[np.int32], most: int) -> str:
    spans = cover(question, offsets).spans
    return question[: min(int(spans[most - 1, 1]), int(spans[most, 0]))]


def _windows_of(
    example: QAExample,
    number: int,
    encodings: list[Any],
    tokenizer: "PreTrainedTokenizerFast",
    stride: int,
    null_id: int | None,
) -> tuple[list[_Window], Cover]:
    """The windows of one example, from the tokenizer's encodings, and what all tokens of its context cover."""
    typed = "token_type_ids" in tokenizer.model_input_names
    contexts = [np.asarray([sequence == 1 for sequence in encoding.sequence_ids], bool) for encoding in encodings]
    offsets = [
        np.asarray(encoding.offsets, np.int32).reshape(-1, 2)[in_context]
        for encoding, in_context in zip(encodings, contexts, strict=True)
    ]
    covered = cover(example.context, joined_offsets(example, offsets, stride, tokenizer))
    starts = window_starts([len(part) for part in offsets], stride)
    best = _best_windows([len(part) for part in offsets], starts)
    windows = []
    for index, (encoding, in_context) in enumerate(zip(encodings, contexts, strict=True)):
        ids = np.asarray(encoding.ids, np.int32)
        spans = np.zeros((len(ids), 2), np.int32)
        spans[in_context] = covered.spans[starts[index] : starts[index] + len(offsets[index])]
        support = spans[:, 1] > spans[:, 0]
        shown_best = np.zeros(len(ids), bool)
        shown_best[in_context] = best[index]
        special = np.asarray([sequence is None for sequence in encoding.sequence_ids], bool)
        nulls = np.flatnonzero(special & (ids == null_id))
        shown = spans[support]
        reach = (
            0 if index == 0 else int(shown[0, 0]) if len(shown) else 0,
            len(example.context) if index == len(encodings) - 1 else int(shown[-1, 1]) if len(shown) else 0,
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
    return windows, covered


def _refuse_lost_letters(
    tokenizer: "PreTrainedTokenizerFast", examples: Sequence[QAExample], letters: NDArray[np.int64]
) -> None:
    """Refuse a tokenizer that drops many letters. letters: [N, 2], those lost of each example, and all of it."""
    lost, visible = letters.sum(0).tolist()
    if lost > _MOST_LOST * visible:
        first = examples[int(np.argmax(letters[:, 0] > 0))]
        raise ModelError(
            f"the tokenizer of {tokenizer.name_or_path or type(tokenizer).__name__} drops {lost} of {visible} characters, "
            f"first in the text of question '{first.id}': it neither knows these letters nor has a token for the unknown, so "
            "that nobody can tell where its answers lie; use a tokenizer that was made for these texts"
        )


def _best_windows(counts: list[int], starts: list[int]) -> list[NDArray[np.bool_]]:
    """For each window's context tokens: whether no other window shows that token with more context around it.

    Context around a token is the smaller of what lies to its left and to its right; the earlier window wins a tie.
    """
    if len(counts) == 1:
        return [np.ones(counts[0], bool)]
    room = np.full(starts[-1] + counts[-1], -1)
    owner = np.zeros(len(room), int)
    for window, (start, count) in enumerate(zip(starts, counts, strict=True)):
        places = slice(start, start + count)
        here = np.minimum(np.arange(count), np.arange(count)[::-1])
        better = here > room[places]
        room[places][better] = here[better]
        owner[places][better] = window
    return [
        owner[start : start + count] == window for window, (start, count) in enumerate(zip(starts, counts, strict=True))
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
