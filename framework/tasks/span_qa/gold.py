"""The outcomes that are gold in extractive question answering."""

from collections.abc import Sequence

import numpy as np

from framework.data.characters import codes, is_space
from framework.segments import Ints, bounds
from framework.signals.algebra import NULL
from framework.tasks.span_qa.example import QAExample


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
