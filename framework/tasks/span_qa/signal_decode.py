"""From signals, which know no tokens, to the best answers of questions."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from framework.data.characters import codes, is_space
from framework.segments import Floats, Ints
from framework.signals.algebra import NULL, Signals
from framework.signals.mixing import merged
from framework.tasks.span_qa.decode import IMPOSSIBLE, Prediction, best_spans


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
