"""From start and end logits, and from signals, which know no tokens, to the best answers of questions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from framework.data.characters import codes, is_space
from framework.segments import Floats, Ints
from framework.signals.algebra import NULL, Signals
from framework.signals.mixing import merged

# The logit of what cannot be, and the least that counts: finite, so that every score can be written as JSON.
IMPOSSIBLE = -1e30


@dataclass(frozen=True, slots=True)
class WindowLogits:
    """A model's output for the C context tokens of one window of a question.

    `start_logits`, `end_logits`: float [C]; -inf, or the least number of its type, where a token cannot be.
    `offsets`: int [C, 2], each token's characters [from, to) in the context, white space trimmed.
    `null_start`, `null_end`: the logits of the token that stands for "no answer here" ([CLS]).
    `keep`: bool [C], whether this window is the one that gives the token the most context; answers start
    at such tokens only, so that overlapping windows do not vote twice (Devlin et al. 2018, arXiv:1810.04805).

    Raises ValueError when the shapes do not agree.
    """

    start_logits: NDArray[np.floating]
    end_logits: NDArray[np.floating]
    offsets: NDArray[np.integer]
    null_start: float
    null_end: float
    keep: NDArray[np.bool_]

    def __post_init__(self) -> None:
        count = len(self.start_logits)
        found = (self.start_logits.shape, self.end_logits.shape, self.offsets.shape, self.keep.shape)
        if found != ((count,), (count,), (count, 2), (count,)):
            raise ValueError(
                f"start_logits, end_logits, offsets and keep have shapes {found}; expected (C,), (C,), (C, 2) and (C,)"
            )


@dataclass(frozen=True, slots=True)
class SpanPrediction:
    """One answer: ``text == context[start:end]``, its probability among the candidates, start + end logit."""

    text: str
    start: int
    end: int
    score: float
    logit: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """The best answers of one question, best first, and what the model thinks of there being none.

    `null_logit` and `null_score` are None where "no answer" is not a candidate. `n_best` is empty when no
    span of the context is legal.
    """

    n_best: tuple[SpanPrediction, ...]
    null_logit: float | None
    null_score: float | None

    @property
    def no_answer_score(self) -> float | None:
        """How far "no answer" is ahead of the best span, in logits; None where it is not a candidate."""
        if self.null_logit is None:
            return None
        return self.null_logit - (self.n_best[0].logit if self.n_best else IMPOSSIBLE)

    def answer(self, threshold: float = 0.0) -> SpanPrediction:
        """The best span, or an empty text at 0:0 where "no answer" leads by more than `threshold` logits
        (the rule of SQuAD 2.0 in Devlin et al. 2018) or where no span is legal."""
        doubt = self.no_answer_score
        if self.n_best and (doubt is None or doubt <= threshold):
            return self.n_best[0]
        score = 0.0 if self.null_score is None else self.null_score
        return SpanPrediction("", 0, 0, score, IMPOSSIBLE if self.null_logit is None else self.null_logit)


def decode(
    context: str,
    windows: Sequence[WindowLogits],
    n_best: int = 20,
    max_answer_length: int = 30,
    null: bool = False,
) -> Prediction:
    """Find the `n_best` highest-scoring distinct spans of `context`, exactly.

    A span is legal when it starts at a kept token, ends at the same or a later token of the same window, is
    at most `max_answer_length` tokens long, covers at least one character and has a logit (the sum of its
    start and end logits) that is finite and above -1e30. Spans of equal characters count once, with their
    highest logit. Equal logits are ordered by start, then by length. Scores are the softmax over the spans
    returned and, with `null`, over "no answer", whose logit is the smallest over the windows.

    Raises ValueError when `n_best` or `max_answer_length` is below 1.
    """
    if n_best < 1 or max_answer_length < 1:
        raise ValueError(f"n_best is {n_best} and max_answer_length is {max_answer_length}; expected at least 1 each")
    candidates = [_legal_spans(window, max_answer_length) for window in windows]
    logits = np.concatenate([np.empty(0), *(found for found, _ in candidates)])
    spans = np.concatenate([np.empty((0, 2), dtype=np.int64), *(found for _, found in candidates)])
    return best_spans(context, logits, spans, n_best, _null_logit(windows) if null else None)


def best_spans(
    context: str, logits: NDArray[np.float64], spans: NDArray[np.int64], n_best: int, null_logit: float | None
) -> Prediction:
    """The `n_best` distinct of some spans (characters [S, 2]) by their logits [S]; scores as `decode` gives them."""
    logits, spans = _best_distinct(logits, spans, n_best)
    scores = _softmax(logits if null_logit is None else np.append(logits, null_logit))
    return Prediction(
        n_best=tuple(
            SpanPrediction(context[start:end], start, end, score, logit)
            for (start, end), score, logit in zip(
                spans.tolist(), scores[: len(logits)].tolist(), logits.tolist(), strict=True
            )
        ),
        null_logit=null_logit,
        null_score=None if null_logit is None else float(scores[-1]),
    )


def _legal_spans(window: WindowLogits, max_answer_length: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Every legal span of a window: logits [S] and characters [S, 2]."""
    count = len(window.start_logits)
    if count == 0:
        return np.empty(0), np.empty((0, 2), dtype=np.int64)
    width = min(max_answer_length, count)
    starts = np.where(window.keep, window.start_logits, -np.inf).astype(np.float64)
    ends = np.concatenate([window.end_logits.astype(np.float64), np.full(width - 1, -np.inf)])
    # band[s, k] is the span of tokens s .. s + k; what runs off the window is -inf.
    with np.errstate(invalid="ignore", over="ignore"):
        band = starts[:, None] + sliding_window_view(ends, width)
    first, length = np.nonzero((band > IMPOSSIBLE) & (band < np.inf))
    spans = np.stack([window.offsets[first, 0], window.offsets[first + length, 1]], axis=1).astype(np.int64)
    covers = spans[:, 0] < spans[:, 1]
    return band[first, length][covers], spans[covers]


def _best_distinct(
    logits: NDArray[np.float64], spans: NDArray[np.int64], count: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The `count` best spans of distinct characters, in order.

    Only as many candidates are sorted as it takes: the best `reach`, with all that tie with the last of them.
    """
    reach = count
    while True:
        complete = reach >= len(logits)
        if complete:
            top = np.arange(len(logits))
        else:
            top = np.nonzero(logits >= np.partition(logits, -reach)[-reach])[0]
        order = top[np.lexsort((spans[top, 1], spans[top, 0], -logits[top]))]
        _, firsts = np.unique(spans[order], axis=0, return_index=True)
        if complete or len(firsts) >= count:
            chosen = order[np.sort(firsts)[:count]]
            return logits[chosen], spans[chosen]
        reach *= 4


def _null_logit(windows: Sequence[WindowLogits]) -> float:
    logits = [float(window.null_start) + float(window.null_end) for window in windows]
    return min((logit for logit in logits if IMPOSSIBLE < logit < np.inf), default=IMPOSSIBLE)


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(logits) == 0:
        return logits
    weights = np.exp(logits - logits.max())
    normalised: NDArray[np.float64] = weights / weights.sum()
    return normalised


def decode_signals(
    contexts: Sequence[str], signals: Signals, n_best: int, max_words: int, null: bool
) -> list[Prediction]:
    """Of each context the `n_best` spans by the sum of their start's and end's log-probability.

    A span is legal when it ends where it starts or later, is at most `max_words` words long (a signal has no tokens to
    count) and has a probability above 0. With `null`, "no answer" competes.
    """
    once = merged(signals)  # entries on one character are added up
    return [
        _decoded(context, _side(once, 2 * number), _side(once, 2 * number + 1), n_best, max_words, null)
        for number, context in enumerate(contexts)
    ]


_Side = tuple[Ints, Floats, float]  # characters, their log-probabilities, that of "no answer here"


def _side(signals: Signals, head: int) -> _Side:
    row = slice(int(signals.rows[head]), int(signals.rows[head + 1]))
    chars, log_p = signals.keys[row], signals.log_p[row].astype(np.float64)
    null = log_p[chars == NULL]
    return chars[chars != NULL], log_p[chars != NULL], float(null[0]) if len(null) else -np.inf


def _decoded(context: str, start: _Side, end: _Side, n_best: int, max_words: int, null: bool) -> Prediction:
    starts, start_logits, null_start = start
    ends, end_logits, null_end = end
    logits = start_logits[:, None] + end_logits[None, :]
    word = _word_numbers(context)
    words = word[ends][None, :] - word[starts][:, None] + 1
    legal = (starts[:, None] <= ends[None, :]) & (words <= max_words) & (logits > IMPOSSIBLE)
    first, last = np.nonzero(legal)
    spans = np.stack([starts[first], ends[last] + 1], axis=1).astype(np.int64)
    no_answer = max(null_start + null_end, IMPOSSIBLE) if null else None
    return best_spans(context, logits[first, last], spans, n_best, no_answer)


def _word_numbers(context: str) -> NDArray[np.int64]:
    """For every character the number of its word; white space belongs to the word before it."""
    space = is_space(codes(context))
    begins = ~space & np.append(True, space[:-1])[: len(space)]
    return np.cumsum(begins)
