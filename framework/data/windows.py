"""Contexts cut into overlapping windows of tokens that know which characters they cover."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from framework.data.joining import check_whole, shows
from framework.data.offsets import Cover, cover
from framework.data.panics import told_of_panics
from framework.data.windows_section import WindowSettings
from framework.errors import ModelError
from framework.progress import SILENT, Progress
from framework.segments import Ints, bounds, maxima, minima, spread, totals
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
    _null_token(tokenizer)
    tokenizer.truncation_side = "right"  # windows begin at the beginning, wherever else the tokenizer would cut
    parts: list[Windows] = []
    covers: list[Cover] = []
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
            of_windows = np.asarray(encoded["overflow_to_sample_mapping"], np.int64)
            windows, covered = _windows_of(chunk, of_windows, encoded.encodings, tokenizer, settings.doc_stride)
            parts.append(replace(windows, example=windows.example + np.int32(begin)))
            covers.append(covered)
            task.advance(len(chunk))
    _refuse_lost_letters(tokenizer, examples, covers)
    return _joined(parts)


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
    spans = cover([question], offsets, np.asarray([0, len(offsets)])).spans
    return question[: min(int(spans[most - 1, 1]), int(spans[most, 0]))]


def _windows_of(
    examples: Sequence[QAExample],
    of_windows: Ints,
    encodings: list[Any],
    tokenizer: "PreTrainedTokenizerFast",
    stride: int,
) -> tuple[Windows, Cover]:
    """The windows of some examples, from the tokenizer's encodings, and what all tokens of their contexts cover.

    of_windows: of each window the number of its example. [N]
    """
    rows = bounds(np.asarray([len(encoding) for encoding in encodings], np.int64))
    ids = np.fromiter(chain.from_iterable(encoding.ids for encoding in encodings), np.int32)
    sequence = np.asarray(list(chain.from_iterable(one.sequence_ids for one in encodings)), np.float32)  # None is nan
    in_context = np.flatnonzero(sequence == 1)
    offsets = np.fromiter(
        chain.from_iterable(chain.from_iterable(one.offsets for one in encodings)), np.int32, 2 * len(ids)
    ).reshape(-1, 2)[in_context]
    context = _ContextTokens.of(np.searchsorted(in_context, rows), of_windows, len(examples), stride)
    _check_whole(examples, offsets, context, tokenizer, stride)
    covered = cover([example.context for example in examples], offsets[context.fresh], context.whole)
    spans = np.zeros((len(ids), 2), np.int32)
    spans[in_context] = covered.spans[context.number]
    support = spans[:, 1] > spans[:, 0]
    best = np.zeros(len(ids), bool)
    best[in_context] = context.best()
    lengths = np.asarray([len(example.context) for example in examples], np.int64)
    typed, null_id = "token_type_ids" in tokenizer.model_input_names, _null_token(tokenizer)
    windows = Windows(
        rows=rows,
        input_ids=ids,
        token_types=np.fromiter(chain.from_iterable(encoding.type_ids for encoding in encodings), np.int8)
        if typed
        else None,
        support=support,
        spans=spans,
        best=best & support,
        null=_first_places(np.isnan(sequence) & (ids == (-1 if null_id is None else null_id)), rows),
        example=of_windows.astype(np.int32),
        reach=_reaches(spans, support, rows, context, lengths),
    )
    return windows, covered


@dataclass(frozen=True)
class _ContextTokens:
    """The context tokens of some examples' windows, in which neighbouring windows share tokens.

    rows: [N + 1], window w has those numbered rows[w] : rows[w + 1]; examples: [E + 1], which windows are an example's;
    whole: [E + 1], which tokens are an example's, each counted once; number: of each token its number there; fresh: whether
    no earlier window shows it.
    """

    rows: Ints
    examples: Ints
    whole: Ints
    number: Ints
    fresh: NDArray[np.bool_]

    @staticmethod
    def of(rows: Ints, of_windows: Ints, count: int, stride: int) -> "_ContextTokens":
        examples = np.searchsorted(of_windows, np.arange(count + 1))
        place = np.arange(len(of_windows)) - examples[of_windows]  # of a window among those of its example
        within = np.arange(rows[-1]) - spread(rows[:-1], rows)
        fresh = within >= spread(np.where(place > 0, stride, 0), rows)
        whole = bounds(totals(fresh, rows[examples]))
        # A window begins `stride` tokens before those that it is the first to show.
        earlier = bounds(totals(fresh, rows))[:-1]
        number = spread(earlier - np.where(place > 0, stride, 0), rows) + within
        return _ContextTokens(rows, examples, whole, number, fresh)

    def best(self) -> NDArray[np.bool_]:
        """Whether no other window shows the token with more context around it.

        Context around a token is the smaller of what lies to its left and to its right; the earlier window wins a tie.
        """
        counts = spread(np.diff(self.rows), self.rows)
        within = np.arange(self.rows[-1]) - spread(self.rows[:-1], self.rows)
        room = np.minimum(within, counts - 1 - within)
        alone = np.diff(self.examples) == 1
        if alone.all():
            return np.ones(len(room), bool)
        order = np.lexsort((-room, self.number))  # sorting is stable, so that earlier windows come first
        result = np.zeros(len(room), bool)
        result[order[np.append(True, np.diff(self.number[order]) != 0)[: len(order)]]] = True
        return result


def _check_whole(
    examples: Sequence[QAExample],
    offsets: NDArray[np.int32],
    context: _ContextTokens,
    tokenizer: "PreTrainedTokenizerFast",
    stride: int,
) -> None:
    """Refuse windows that leave out a part of a context. offsets: of context tokens. Raises ModelError."""
    of_examples = context.rows[context.examples]
    begins = minima(offsets[:, 0], of_examples, np.iinfo(np.int32).max).tolist()
    ends = maxima(offsets[:, 1], of_examples, 0).tolist()
    several = (np.diff(context.examples) > 1).tolist()
    for number, example in enumerate(examples):
        if several[number] or stride < 2 or not shows(example.context, begins[number], ends[number]):
            windows = context.rows[context.examples[number] : context.examples[number + 1] + 1]
            parts = [offsets[begin:end] for begin, end in pairwise(windows.tolist())]
            check_whole(example, parts, stride, tokenizer)


def _first_places(marked: NDArray[np.bool_], rows: Ints) -> NDArray[np.int32]:
    """In each window the place of the first token that is marked; 0 where none is. [N]"""
    found = np.flatnonzero(marked)
    window, first = np.unique(np.searchsorted(rows, found, side="right") - 1, return_index=True)
    result = np.zeros(len(rows) - 1, np.int32)
    result[window] = found[first] - rows[window]
    return result


def _reaches(
    spans: NDArray[np.int32], support: NDArray[np.bool_], rows: Ints, context: _ContextTokens, lengths: Ints
) -> NDArray[np.int32]:
    """The characters from each window's first covered one to its last; in an example's first window from the start of the
    context, in the last one to its end. [N, 2]"""
    shown = np.flatnonzero(support)
    bounds_of = np.searchsorted(shown, rows)
    result = np.zeros((len(rows) - 1, 2), np.int32)
    some = np.flatnonzero(bounds_of[1:] > bounds_of[:-1])
    result[some, 0] = spans[shown[bounds_of[some]], 0]
    result[some, 1] = spans[shown[bounds_of[some + 1] - 1], 1]
    result[context.examples[:-1], 0] = 0
    result[context.examples[1:] - 1, 1] = lengths
    return result


def _refuse_lost_letters(
    tokenizer: "PreTrainedTokenizerFast", examples: Sequence[QAExample], covers: list[Cover]
) -> None:
    """Refuse a tokenizer that drops many letters."""
    lost = np.concatenate([np.empty(0, np.int64), *(covered.lost for covered in covers)])
    visible = sum(int(covered.visible.sum()) for covered in covers)
    if lost.sum() > _MOST_LOST * visible:
        first = examples[int(np.argmax(lost > 0))]
        raise ModelError(
            f"the tokenizer of {tokenizer.name_or_path or type(tokenizer).__name__} drops {lost.sum()} of {visible} characters, "
            f"first in the text of question '{first.id}': it neither knows these letters nor has a token for the unknown, so "
            "that nobody can tell where its answers lie; use a tokenizer that was made for these texts"
        )


def _joined(parts: list[Windows]) -> Windows:
    types = [part.token_types for part in parts if part.token_types is not None]
    return Windows(
        rows=bounds(np.concatenate([part.lengths for part in parts])),
        input_ids=np.concatenate([part.input_ids for part in parts]),
        token_types=np.concatenate(types) if types else None,
        support=np.concatenate([part.support for part in parts]),
        spans=np.concatenate([part.spans for part in parts]),
        best=np.concatenate([part.best for part in parts]),
        null=np.concatenate([part.null for part in parts]),
        example=np.concatenate([part.example for part in parts]),
        reach=np.concatenate([part.reach for part in parts]),
    )
