"""Signals of extractive question answering, written from logits over the tokens of windows (docs/signals.md).

An example has two heads, the answer's start and its end. Outcomes are characters of the context, and NULL is "no answer
here", which every head has an entry for.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from distil.framework.data.characters import codes, is_space
from distil.framework.segments import Floats, Ints, bounds, maxima, minima, spread, totals
from distil.framework.signals.algebra import NULL, Signals, concat, normalised
from distil.framework.signals.mixing import merged
from distil.framework.tasks.base import Logits
from distil.framework.tasks.span_qa.data import QAExample
from distil.framework.tasks.span_qa.windows import Windows

_CHUNK = 512  # examples written together: what a processor's cache holds


def write_spans(count: int, windows: Windows, logits: Logits) -> Signals:
    """The signals about the `count` examples of `windows`, all heads tempered at 1.

    In each window the logits of its support and of "no answer here" become probabilities. A token takes its value from the
    window that shows it best, "no answer here" takes the least of its values, and the whole is scaled to 1. Start mass lies
    on a token's first character and end mass on its last.
    """
    of_windows = windows.of_examples(count)
    parts = [of_windows[begin : begin + _CHUNK + 1] for begin in range(0, count, _CHUNK)]
    return concat([_written(part, windows, logits) for part in parts])


def _written(examples: Ints, windows: Windows, logits: Logits) -> Signals:
    """The same of examples in a row, each of which owns the windows examples[e] : examples[e + 1]."""
    first, last = int(examples[0]), int(examples[-1])
    rows, examples = windows.rows[first : last + 1], examples - first
    tokens, rows = slice(int(rows[0]), int(rows[-1])), rows - rows[0]
    flat = np.concatenate(logits[first:last], axis=1)
    best, nulls = np.flatnonzero(windows.best[tokens]), rows[:-1] + windows.null[first:last]
    spans, of_windows = windows.spans[tokens][best], np.searchsorted(best, rows)
    several = np.diff(examples) > 1
    sides = []
    for head, chars in ((flat[0], spans[:, 0]), (flat[1], spans[:, 1] - 1)):
        values, null = head[best], head[nulls]
        if several.any():  # the softmax over all of an only window comes at the end anyway
            total = np.where(spread(several, examples), _log_totals(head, windows.support[tokens], rows, null), 0.0)
            values, null = values - spread(total, of_windows), null - total
        sides.append((chars, values, minima(null, examples)))
    return span_signals(of_windows[examples], *sides)


_Numbers = NDArray[np.floating]
_Side = tuple[NDArray[np.integer], _Numbers, _Numbers]


def span_signals(rows: Ints, start: _Side, end: _Side, *, tail: Floats | None = None) -> Signals:
    """Signals about E examples from the entries of their starts and of their ends, which are scaled to sum to 1.

    rows: [E + 1], example e owns the entries rows[e] : rows[e + 1] on either side. Each side: characters [N], logarithms of
    their masses [N], and of "no answer here" [E]; -inf is no mass. tail: logarithms of the masses on characters without entries,
    whose number the caller knows [E].
    """
    count, sizes = len(rows) - 1, np.diff(rows) + 1
    of_heads = bounds(np.repeat(sizes, 2))
    keys = np.full(of_heads[-1], NULL, np.int64)
    logs = np.empty(of_heads[-1])
    # "No answer here" comes first, and all of an example's start before its end.
    starts = spread(of_heads[:-1:2] + 1 - rows[:-1], rows) + np.arange(rows[-1])
    for places, (chars, log_mass, _) in ((starts, start), (starts + spread(sizes, rows), end)):
        keys[places], logs[places] = chars, log_mass
    logs[of_heads[:-1:2]], logs[of_heads[1::2]] = start[2], end[2]
    heads = np.arange(count + 1, dtype=np.int64) * 2
    tails = np.full(2 * count, -np.inf) if tail is None else np.repeat(tail, 2)
    return normalised(heads, of_heads, keys, logs, tails, np.zeros(2 * count, np.int32))


def from_spans(
    spans: Sequence[NDArray[np.integer]],
    log_mass: Sequence[Floats],
    null: Sequence[float],
    elsewhere: tuple[Floats, Ints] | None = None,
) -> Signals:
    """Signals about E examples from masses on spans, which are scaled to sum to 1.

    Of each example: spans [n, 2], characters [from, to) of the context; logarithms of their masses [n], and of that of "no
    answer here"; -inf is no mass. Start mass lies on a span's first character and end mass on its last. elsewhere: logarithms
    of the masses on the contexts' other characters [E], which become the tails, and how many characters contexts have [E].
    """
    rows = bounds(np.asarray([len(one) for one in spans], np.int64))
    edges = np.concatenate([np.empty((0, 2), np.int64), *(np.reshape(one, (-1, 2)) for one in spans)]).astype(np.int64)
    logs = np.concatenate([np.empty(0), *log_mass]).astype(np.float64)
    of_null = np.asarray(null, np.float64)
    sides = (edges[:, 0], logs, of_null), (edges[:, 1] - 1, logs, of_null)
    if elsewhere is None:
        return merged(span_signals(rows, *sides))
    tail, lengths = elsewhere
    found = merged(span_signals(rows, *sides, tail=tail))
    named = totals(found.keys != NULL, found.rows)
    return replace(found, tail_size=np.maximum(np.repeat(lengths, 2) - named, 1).astype(np.int32))


def _log_totals(
    logits: NDArray[np.float32], support: NDArray[np.bool_], rows: Ints, null: NDArray[np.float32]
) -> Floats:
    """Logarithm of the sum of exponentials of each window's logits in its support and of its null. [N]"""
    shown = np.flatnonzero(support)
    values, rows = logits[shown].astype(np.float64), np.searchsorted(shown, rows)
    peak = np.maximum(maxima(values, rows), null)
    peak = np.where(np.isfinite(peak), peak, 0.0)
    total: Floats = peak + np.log(totals(np.exp(values - spread(peak, rows)), rows) + np.exp(null - peak))
    return total


def gold_outcomes(examples: Sequence[QAExample]) -> Ints:
    """The first and last character of the word of the gold answer's start, and of that of its end; NULL without an answer.

    [2 E, 2]. Of several answers it is the first; examples have to be labelled. A word is a run of characters without white
    space: tokenizers cut words differently, and the mass on a word counts for every place in it.
    """
    places = np.asarray([_edges(example) for example in examples], np.int64).ravel()
    lengths = bounds(np.asarray([len(example.context) + 1 for example in examples], np.int64))
    # White space after each text, so that no word goes on in the next.
    space = is_space(codes(" ".join([*(example.context for example in examples), ""])))
    gaps = np.append(-1, np.flatnonzero(space))
    begins = np.repeat(lengths[:-1], 2)
    at = places + begins
    after = np.searchsorted(gaps[1:], at + 1)  # the first gap behind the place
    before = np.searchsorted(gaps, at) - 1  # the last one before it
    words = np.stack([gaps[before] + 1 - begins, gaps[1:][after] - 1 - begins], axis=1)
    return np.where((places == NULL)[:, None], NULL, words)


def _edges(example: QAExample) -> tuple[int, int]:
    if not example.answers:
        return NULL, NULL
    answer = example.answers[0]
    return answer.start, answer.start + len(answer.text) - 1
