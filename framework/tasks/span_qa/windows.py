"""Contexts cut into overlapping windows of tokens that know which characters they cover."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from distil.framework.data.features import TokenRows, WindowSettings
from distil.framework.data.offsets import Cover, cover
from distil.framework.data.pairs import PairTokens, tokens_of
from distil.framework.errors import ModelError
from distil.framework.models.tokenizers import check_fast, told_of_panics
from distil.framework.progress import SILENT, Progress
from distil.framework.segments import Ints, bounds, owners, spread, taken
from distil.framework.tasks.span_qa.data import QAExample

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_CHUNK = 512  # questions tokenised at once
_MOST_LOST = 0.05  # share of the characters that a tokenizer may drop


@dataclass(frozen=True)
class Windows(TokenRows):
    """N windows with T tokens altogether, as columns: see TokenRows.

    The tokens of a window are question, context and special ones. `support` marks the tokens of the context; `spans` are the
    characters [a, b) of the context that they cover, without white space at either end.
    """

    support: NDArray[np.bool_]  # [T]
    spans: NDArray[np.int32]  # [T, 2]; zeros outside the support
    best: NDArray[np.bool_]  # [T]; of all windows, this one shows the token with the most context around it
    null: NDArray[np.int32]  # [N]; place in the window of [CLS] or the like, which stands for "no answer here"
    reach: NDArray[np.int32]  # [N, 2]; characters [lo, hi) of the context that are this window's to answer for


def cut_windows(
    examples: Sequence[QAExample],
    tokenizer: "PreTrainedTokenizerFast",
    settings: WindowSettings,
    progress: Progress = SILENT,
) -> Windows:
    """Tokenise questions and contexts. Every example gets at least one window, in the order of `examples`.

    "No answer here" is [CLS] or the begin of the text, where there is none the first end of a text, such as T5's between
    question and context, or else the first token. Raises ModelError for a tokenizer without offsets, and for one that drops
    many letters.
    """
    null_id = _null_token(tokenizer)
    parts: list[Windows] = []
    covers: list[Cover] = []
    with progress.task("tokenise", len(examples)) as task, told_of_panics(tokenizer):
        for begin in range(0, len(examples), _CHUNK):
            chunk = examples[begin : begin + _CHUNK]
            tokens = tokens_of(
                tokenizer,
                [example.question for example in chunk],
                [example.context for example in chunk],
                settings.max_question,
            )
            windows, covered = _windows_of(chunk, tokens, settings, null_id)
            typed = "token_type_ids" in tokenizer.model_input_names
            parts.append(
                replace(
                    windows,
                    example=windows.example + np.int32(begin),
                    token_types=windows.token_types if typed else None,
                )
            )
            covers.append(covered)
            task.advance(len(chunk))
    _refuse_lost_letters(tokenizer, examples, covers)
    return _joined(parts)


def _null_token(tokenizer: "PreTrainedTokenizerFast") -> int | None:
    check_fast(tokenizer, f"of {tokenizer.name_or_path}")
    parts = (tokenizer.cls_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.sep_token_id)
    return next((int(number) for number in parts if number is not None), None)


def _windows_of(
    examples: Sequence[QAExample], tokens: PairTokens, settings: WindowSettings, null_id: int | None
) -> tuple[Windows, Cover]:
    """The windows of some examples, and what the tokens of each one's context cover."""
    frame = tokens.frame
    asked, shown = np.diff(tokens.questions), np.diff(tokens.contexts)[tokens.context]
    room = settings.max_length - frame.size - asked
    step = room - settings.doc_stride
    counts = 1 + -(-np.maximum(shown - room, 0) // step)
    owner = owners(bounds(counts))
    begins = (np.arange(len(owner)) - bounds(counts)[owner]) * step[owner]
    sizes = np.minimum(room[owner], shown[owner] - begins)
    rows = bounds(frame.size + asked[owner] + sizes)

    # Which place in the columns each context token of each window has, and which token it is.
    own = bounds(sizes)
    within = np.arange(own[-1]) - spread(own[:-1], own)
    first = rows[:-1] + len(frame.before) + asked[owner] + len(frame.between)
    places = spread(first, own) + within
    number = spread(begins, own) + within
    token = spread(tokens.contexts[tokens.context[owner]], own) + number

    whole = cover(tokens.texts, tokens.context_offsets, tokens.contexts)
    spans = np.zeros((rows[-1], 2), np.int32)
    spans[places] = whole.spans[token]
    support = spans[:, 1] > spans[:, 0]
    best = np.zeros(rows[-1], bool)
    best[places] = _best(own, spread(owner, own), number)
    ids, types = _framed(tokens, owner, rows, first, sizes)
    ids[places] = tokens.context_ids[token]
    windows = Windows(
        rows=rows,
        input_ids=ids,
        token_types=types,
        support=support,
        spans=spans,
        best=best & support,
        null=frame.place_of(null_id, asked[owner], sizes),
        example=owner.astype(np.int32),
        reach=_reaches(spans, support, rows, bounds(counts), [len(example.context) for example in examples]),
    )
    return windows, Cover(whole.spans, whole.lost[tokens.context], whole.visible[tokens.context])


def _framed(
    tokens: PairTokens, owner: Ints, rows: Ints, first: Ints, sizes: Ints
) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """Ids and types of all tokens of the windows but for the ids of context tokens, which begin at `first`."""
    frame = tokens.frame
    ids, types = np.zeros(rows[-1], np.int32), np.full(rows[-1], frame.types[1], np.int8)
    question, of_windows = taken(tokens.questions, owner)
    places = spread(rows[:-1] + len(frame.before) - of_windows[:-1], of_windows) + np.arange(len(question))
    ids[places], types[places] = tokens.question_ids[question], frame.types[0]
    for special, begins in (
        (frame.before, rows[:-1]),
        (frame.between, first - len(frame.between)),
        (frame.after, first + sizes),
    ):
        for place, (number, kind) in enumerate(special):
            ids[begins + place], types[begins + place] = number, kind
    return ids, types


def _best(rows: Ints, example: Ints, number: Ints) -> NDArray[np.bool_]:
    """Whether no other window of the example shows the context token of this number with more context around it.

    Context around a token is the smaller of what lies to its left and to its right; the earlier window wins a tie. rows: which
    tokens are a window's.
    """
    within = np.arange(rows[-1]) - spread(rows[:-1], rows)
    room = np.minimum(within, spread(np.diff(rows), rows) - 1 - within)
    result = np.ones(len(room), bool)
    if (number != within).any():  # otherwise every example has one window
        order = np.lexsort((-room, number, example))  # sorting is stable: earlier windows come first
        same = (np.diff(example[order]) == 0) & (np.diff(number[order]) == 0)
        result[order[1:][same]] = False
    return result


def _reaches(
    spans: NDArray[np.int32], support: NDArray[np.bool_], rows: Ints, examples: Ints, lengths: Sequence[int]
) -> NDArray[np.int32]:
    """The characters from each window's first covered one to its last; in an example's first window from the start of the
    context, in the last one to its end. [N, 2]"""
    shown = np.flatnonzero(support)
    bounds_of = np.searchsorted(shown, rows)
    result = np.zeros((len(rows) - 1, 2), np.int32)
    some = np.flatnonzero(bounds_of[1:] > bounds_of[:-1])
    result[some, 0] = spans[shown[bounds_of[some]], 0]
    result[some, 1] = spans[shown[bounds_of[some + 1] - 1], 1]
    result[examples[:-1], 0] = 0
    result[examples[1:] - 1, 1] = lengths
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
