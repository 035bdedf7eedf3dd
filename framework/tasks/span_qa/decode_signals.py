"""From signals, which know no tokens, to the best answers of questions."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from distil.framework.data.characters import codes, is_space
from distil.framework.segments import Floats, Ints, bounds, owners, spread
from distil.framework.signals.algebra import NULL, Signals
from distil.framework.signals.mixing import merged
from distil.framework.tasks.span_qa.predictions import IMPOSSIBLE, Prediction, predictions_of
from distil.framework.tasks.span_qa.ranking import ranked

_SPANS = 1 << 17  # that are looked at together: what a processor's cache holds


def decode_signals(
    contexts: Sequence[str], signals: Signals, n_best: int, max_words: int, null: bool
) -> list[Prediction]:
    """Of each context the `n_best` spans by the sum of their start's and end's log-probability.

    A span is legal when it ends where it starts or later, is at most `max_words` words long (a signal has no tokens to
    count) and has a probability above 0. With `null`, "no answer" competes.
    """
    once = merged(signals)  # entries on one character are added up
    most = int(np.diff(once.rows).max(initial=1))
    size = max(_SPANS // most**2, 1)
    found: list[Prediction] = []
    for begin in range(0, len(contexts), size):
        part = contexts[begin : begin + size]
        found += _decoded(part, once.take(np.arange(begin, begin + len(part))), n_best, max_words, null)
    return found


def _decoded(contexts: Sequence[str], signals: Signals, n_best: int, max_words: int, null: bool) -> list[Prediction]:
    chars, log_p = _sides(signals)
    texts = bounds(np.asarray([len(context) for context in contexts], np.int64))
    # Which word each character is in; of no word are those that stand for no entry.
    words = np.where(chars == NULL, 0, _word_numbers(contexts, texts)[texts[:-1, None, None] + np.maximum(chars, 0)])
    starts, ends = chars[:, 0, :, None], chars[:, 1, None, :]
    logits = log_p[:, 0, :, None] + log_p[:, 1, None, :]
    length = words[:, 1, None, :] - words[:, 0, :, None] + 1
    legal = (starts != NULL) & (starts <= ends) & (length <= max_words) & (logits > IMPOSSIBLE)
    shape = len(contexts), -1
    best = ranked(
        np.where(legal, logits, -np.inf).reshape(shape),
        np.broadcast_to(starts, logits.shape).reshape(shape),
        np.broadcast_to(ends + 1, logits.shape).reshape(shape),
        n_best,
    )
    return predictions_of(contexts, best, _null_logits(signals) if null else [None] * len(contexts))


def _sides(signals: Signals) -> tuple[Ints, Floats]:
    """Characters and log-probabilities of the entries of starts and ends, each [E, 2, n]; NULL and -inf where there is none."""
    rows = signals.rows
    shape = len(rows) - 1, max(int(np.diff(rows).max(initial=0)), 1)
    chars, log_p = np.full(shape, NULL), np.full(shape, -np.inf)
    at = owners(rows), np.arange(rows[-1]) - spread(rows[:-1], rows)
    chars[at], log_p[at] = signals.keys, signals.log_p
    return chars.reshape(-1, 2, shape[1]), log_p.reshape(-1, 2, shape[1])


def _null_logits(signals: Signals) -> list[float]:
    """Of "no answer" to each question, the sum of what both sides say of it."""
    found = np.full(len(signals.rows) - 1, -np.inf)
    of_null = signals.keys == NULL
    found[owners(signals.rows)[of_null]] = signals.log_p[of_null]
    sums: list[float] = np.maximum(found.reshape(-1, 2).sum(1), IMPOSSIBLE).tolist()
    return sums


def _word_numbers(contexts: Sequence[str], texts: Ints) -> NDArray[np.int64]:
    """For every character of all texts, one after the other, the number of its word; white space belongs to the word before it."""
    space = is_space(codes("".join(contexts)))
    before = np.append(True, space[:-1])[: len(space)]
    before[texts[:-1][np.diff(texts) > 0]] = True
    return np.append(np.cumsum(~space & before), 0)  # the last for an empty text, which has no character
