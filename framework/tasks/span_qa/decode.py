"""From start and end logits over the tokens of windows to the best answers of questions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from distil.framework.segments import Floats, Ints, minima, owners, spread
from distil.framework.tasks.base import Logits
from distil.framework.tasks.span_qa.predictions import IMPOSSIBLE, Prediction, predictions_of
from distil.framework.tasks.span_qa.ranking import Ranked, ranked
from distil.framework.tasks.span_qa.windows import Windows

_SPANS = 1 << 17  # that are looked at together: what a processor's cache holds
_MORE = 4  # times as many starts are looked at where some did not do


def decode(
    contexts: Sequence[str],
    windows: Windows,
    logits: Logits,
    n_best: int = 20,
    max_answer_length: int = 30,
    null: bool = False,
) -> list[Prediction]:
    """Find the `n_best` highest-scoring distinct spans of each context, exactly.

    A span is legal when it starts at a token that its window shows best (`windows.best`; overlapping windows do not vote twice:
    Devlin et al. 2018, arXiv:1810.04805), ends at the same or a later token of the same window, is at most `max_answer_length`
    tokens long, covers at least one character and has a logit (the sum of its start and end logits) that is finite and above
    -1e30. Spans of equal characters count once, with their highest logit. Equal logits are ordered by start, then by length.
    Scores are the softmax over the spans returned and, with `null`, over "no answer", whose logit is the smallest over the windows.

    Raises ValueError when `n_best` or `max_answer_length` is below 1.
    """
    if n_best < 1 or max_answer_length < 1:
        raise ValueError(f"n_best is {n_best} and max_answer_length is {max_answer_length}; expected at least 1 each")
    of_windows = windows.of_examples(len(contexts))
    width = max(min(max_answer_length, int(windows.lengths.max(initial=1))), 1)
    size = max(_SPANS // (width * n_best), 1)
    found: list[Prediction] = []
    for begin in range(0, len(contexts), size):
        part = contexts[begin : begin + size]
        shown = _shown(of_windows[begin : begin + size + 1], windows, logits)
        nulls = shown.null_logits.tolist() if null else [None] * len(part)
        found += predictions_of(part, _best(shown, n_best, width), nulls)
    return found


@dataclass(frozen=True)
class _Shown:
    """The S context tokens of some questions, window after window. Logits are -inf where no answer may start, or end.

    starts, ends: [S]; spans: characters [S, 2]; last: [S], where the window of each ends; questions: [Q + 1], which tokens are a
    question's; null_logits: [Q].
    """

    starts: Floats
    ends: Floats
    spans: Ints
    last: Ints
    questions: Ints
    null_logits: Floats


def _shown(examples: Ints, windows: Windows, logits: Logits) -> _Shown:
    """Of questions in a row, each of which owns the windows examples[e] : examples[e + 1]."""
    first, last = int(examples[0]), int(examples[-1])
    rows, examples = windows.rows[first : last + 1], examples - first
    tokens, rows = slice(int(rows[0]), int(rows[-1])), rows - rows[0]
    flat = np.concatenate([np.empty((2, 0)), *logits[first:last]], axis=1, dtype=np.float64)
    shown = np.flatnonzero(windows.support[tokens])
    of_windows = np.searchsorted(shown, rows)
    start, end = np.where(np.isfinite(flat), flat, -np.inf)[:, shown]
    with np.errstate(invalid="ignore", over="ignore"):
        nulls = flat[:, rows[:-1] + windows.null[first:last]].sum(0)
    nulls = np.where((nulls > IMPOSSIBLE) & (nulls < np.inf), nulls, np.inf)
    least = minima(nulls, examples)
    return _Shown(
        starts=np.where(windows.best[tokens][shown], start, -np.inf),
        ends=end,
        spans=windows.spans[tokens][shown].astype(np.int64),
        last=spread(of_windows[1:], of_windows),
        questions=of_windows[examples],
        null_logits=np.where(least < np.inf, least, IMPOSSIBLE),
    )


def _best(shown: _Shown, n_best: int, width: int) -> list[Ranked]:
    """The best spans of each question, at most `width` tokens long.

    The best of each start tells which starts count: all spans of the others are worse than those found.
    """
    table = _table(shown.questions, shown.starts + _sliding_maxima(shown.ends, shown.last, width))
    found: dict[int, Ranked] = {}
    left, most = np.arange(len(table.logits)), n_best
    while len(left):
        part = table.logits[left]
        if most < part.shape[1]:
            order = np.argpartition(-part, most, axis=1)
            best_of_others = np.take_along_axis(part, order[:, most : most + 1], 1)[:, 0]
            numbers = np.take_along_axis(table.tokens[left], order[:, :most], 1)
        else:
            best_of_others, numbers = np.full(len(left), -np.inf), table.tokens[left]
        for number, worst, best in zip(
            left.tolist(), best_of_others, _ranked(shown, numbers, n_best, width), strict=True
        ):
            if worst <= IMPOSSIBLE or (len(best.logits) == n_best and best.logits[-1] > worst):
                found[number] = best
        left = np.asarray([number for number in left.tolist() if number not in found], np.int64)
        most *= _MORE
    return [found[number] for number in range(len(table.logits))]


@dataclass(frozen=True)
class _Table:
    """Questions one under the other. tokens: their numbers, -1 where there is none; logits: of each token, -inf there."""

    tokens: Ints
    logits: Floats


def _table(questions: Ints, logits: Floats) -> _Table:
    sizes = np.diff(questions)
    shape = len(sizes), max(int(sizes.max(initial=0)), 1)
    tokens, table = np.full(shape, -1), np.full(shape, -np.inf)
    at = owners(questions), np.arange(questions[-1] - questions[0]) - spread(questions[:-1], questions)
    tokens[at], table[at] = np.arange(len(logits)), logits
    return _Table(tokens, table)


def _sliding_maxima(values: Floats, last: Ints, width: int) -> Floats:
    """The greatest of each value and of the width - 1 that follow it before `last`. [S]"""
    found, reach, places = values, 1, np.arange(len(values))

    def later(by: int) -> Floats:
        """What was found `by` places on, -inf behind the last."""
        inside = places + by < last
        result: Floats = np.where(inside, found[np.where(inside, places + by, 0)], -np.inf)
        return result

    while reach < width:
        found, reach = np.maximum(found, later(min(reach, width - reach))), min(2 * reach, width)
    return found


def _ranked(shown: _Shown, tokens: Ints, n_best: int, width: int) -> list[Ranked]:
    """The best spans that start at these tokens, [Q, n], -1 for none."""
    if not len(shown.starts):
        return [Ranked(np.empty(0), np.empty(0, np.int64), np.empty(0, np.int64))] * len(tokens)
    ends = tokens[:, :, None] + np.arange(width)
    inside = (tokens[:, :, None] >= 0) & (ends < shown.last[tokens][:, :, None])
    ends = np.where(inside, ends, 0)
    with np.errstate(over="ignore"):
        logits = shown.starts[tokens][:, :, None] + shown.ends[ends]
    first = np.broadcast_to(shown.spans[tokens, 0][:, :, None], ends.shape)
    last = shown.spans[ends, 1]
    legal = inside & (logits > IMPOSSIBLE) & (logits < np.inf) & (first < last)
    count = len(tokens)
    return ranked(
        np.where(legal, logits, -np.inf).reshape(count, -1), first.reshape(count, -1), last.reshape(count, -1), n_best
    )
