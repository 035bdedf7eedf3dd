"""Weights that fall with a teacher's error on the question (CA-MKD, Zhang et al., arXiv 2201.00007)."""

from typing import ClassVar, Literal

import numpy as np

from framework.config import Section
from framework.data.example import Example
from framework.ensembles.base import Consultation, Mixing
from framework.signals.gold import gold_log_mass
from framework.signals.span import Floats, SpanSignal, log_softmax


class LabelAware(Section):
    """p = Σ_k w_k · p_k with w_k = (1 - softmax_k(CE_k)) / (K - 1).

    CE_k is the cross-entropy of teacher k with the gold answer, the mean of start and end. A question without
    an answer has its mass on null.
    """

    rule: Literal["label_aware"] = "label_aware"
    needs_labels: ClassVar[bool] = True
    needs_f1: ClassVar[bool] = False
    mixing: ClassVar[Mixing] = "arithmetic"

    def weigh(self, consultation: Consultation) -> Floats:
        errors = np.asarray([_cross_entropy(signal, consultation.example) for signal in consultation.signals])
        return (1 - np.exp(log_softmax(errors))) / (len(errors) - 1)


def _cross_entropy(signal: SpanSignal, example: Example) -> float:
    """In nats, with the first gold answer of a labelled example: the mean of start and end."""
    return -sum(gold_log_mass(signal, example)) / 2
