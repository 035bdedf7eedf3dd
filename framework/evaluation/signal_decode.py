"""From a signal, which knows no tokens, to the best answers of one question."""

import numpy as np
from numpy.typing import NDArray

from framework.signals.span import Floats, Side, SpanSignal
from framework.tasks.span_qa.decode import IMPOSSIBLE, Prediction, best_spans


def decode_signal(context: str, signal: SpanSignal, n_best: int, max_words: int, null: bool) -> Prediction:
    """The `n_best` spans of `context` by the sum of their start's and end's log-probability.

    A span is legal when it ends where it starts or later, is at most `max_words` words long (a signal has no tokens to
    count) and has a probability above 0. With `null`, "no answer" competes.
    """
    starts, start_logits = _by_character(signal.start)
    ends, end_logits = _by_character(signal.end)
    logits = start_logits[:, None] + end_logits[None, :]
    word = _word_numbers(context)
    words = word[ends][None, :] - word[starts][:, None] + 1
    legal = (starts[:, None] <= ends[None, :]) & (words <= max_words) & (logits > IMPOSSIBLE)
    first, last = np.nonzero(legal)
    spans = np.stack([starts[first], ends[last] + 1], axis=1).astype(np.int64)
    no_answer = max(signal.start.null + signal.end.null, IMPOSSIBLE) if null else None
    return best_spans(context, logits[first, last], spans, n_best, no_answer)


def _by_character(side: Side) -> tuple[NDArray[np.int64], Floats]:
    """The named characters in order and their log-probabilities; entries on one character are added up."""
    chars, place = np.unique(side.chars, return_inverse=True)
    with np.errstate(divide="ignore"):
        logs: Floats = np.log(np.bincount(place, np.exp(side.log_mass), len(chars)))
    return chars, logs


def _word_numbers(context: str) -> NDArray[np.int64]:
    """For every character the number of its word; white space belongs to the word before it."""
    space = np.fromiter((character.isspace() for character in context), bool, len(context))
    begins = ~space & np.append(True, space[:-1])
    return np.cumsum(begins)
