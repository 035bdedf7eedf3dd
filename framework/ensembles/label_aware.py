"""Weights that fall with a teacher's error on the question (CA-MKD, Zhang et al., arXiv 2201.00007)."""

from typing import ClassVar, Literal

import numpy as np

from framework.config import Section
from framework.data.example import Example
from framework.ensembles.base import Consultation, Mixing
from framework.signals.span import Floats, Side, SpanSignal, log_softmax, probabilities

_LEAST = 1e-6  # keeps the logarithm finite where a teacher holds the gold answer impossible


class LabelAware(Section):
    """p = Σ_k w_k · p_k with w_k = (1 - softmax_k(CE_k)) / (K - 1).

    CE_k is the cross-entropy of teacher k with the gold answer, the mean of start and end. The mass on the gold start is
    that on its word (a run of characters without white space), as teachers with other tokenizers begin their tokens
    elsewhere in it; likewise for the end. A question without an answer has its mass on null.
    """

    rule: Literal["label_aware"] = "label_aware"
    needs_labels: ClassVar[bool] = True
    needs_f1: ClassVar[bool] = False
    mixing: ClassVar[Mixing] = "arithmetic"

    def weigh(self, consultation: Consultation) -> Floats:
        errors = np.asarray([_cross_entropy(signal, consultation.example) for signal in consultation.signals])
        return (1 - np.exp(log_softmax(errors))) / (len(errors) - 1)


def _cross_entropy(signal: SpanSignal, example: Example) -> float:
    """In nats, with the first gold answer of a labelled example."""
    if not example.answers:
        masses = [float(np.exp(signal.start.null)), float(np.exp(signal.end.null))]
    else:
        answer = example.answers[0]
        first, last = answer.start, answer.start + len(answer.text) - 1
        masses = [_mass(signal.start, example.context, first), _mass(signal.end, example.context, last)]
    return float(-np.log(np.maximum(masses, _LEAST)).mean())


def _mass(side: Side, context: str, char: int) -> float:
    """Mass on the word around `char`; of a teacher that names no character of it, the average mass in its tail."""
    begin, end = _word(context, char)
    mass, _, tail = probabilities(side)
    inside = (side.chars >= begin) & (side.chars < end)
    if inside.any():
        return float(mass[inside].sum())
    return tail / max(side.tail_size, 1)


def _word(context: str, char: int) -> tuple[int, int]:
    """Characters [begin, end) of the longest run around `char` that has no white space."""
    begin, end = char, char + 1
    while begin > 0 and not context[begin - 1].isspace():
        begin -= 1
    while end < len(context) and not context[end].isspace():
        end += 1
    return begin, end
