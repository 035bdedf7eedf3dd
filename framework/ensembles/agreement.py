"""Weights that fall with a teacher's distance from the others.

That opinions should count the less the further they are from the others is the idea of Carvalho and Larson (A
consensual linear opinion pool, IJCAI 2013); the distance is the Jensen–Shannon divergence (Lin, Divergence measures
based on the Shannon entropy, IEEE Transactions on Information Theory, 1991). The exponential is distil's own choice.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from framework.config import Section
from framework.ensembles.base import Consultation, Mixing
from framework.ensembles.entropy import entropy
from framework.ensembles.mixing import aligned
from framework.signals.span import Floats, Side, log_softmax


class Agreement(Section):
    """p = Σ_k w_k · p_k with w_k ∝ exp(-JS(p_k, mean of the others) / tau), JS the mean of start and end.

    It takes three teachers: two are equally far from each other, and weigh the same.
    """

    rule: Literal["agreement"] = "agreement"
    tau: float = Field(default=0.1, ge=0.01, le=1000, description="Nats, of which ln 2 is the greatest distance.")
    needs_labels: ClassVar[bool] = False
    needs_f1: ClassVar[bool] = False
    mixing: ClassVar[Mixing] = "arithmetic"

    def weigh(self, consultation: Consultation) -> Floats:
        signals = consultation.signals
        starts = _distances([signal.start for signal in signals])
        ends = _distances([signal.end for signal in signals])
        return np.exp(log_softmax(-(starts + ends) / 2 / self.tau))


def _distances(sides: Sequence[Side]) -> Floats:
    """Of each side from the mean of the others, over named characters, null and tail, in nats. [K]"""
    masses = np.exp(aligned(sides)[1])
    others = [np.delete(masses, teacher, axis=0).mean(0) for teacher in range(len(masses))]
    return np.asarray([_jensen_shannon(own, rest) for own, rest in zip(masses, others, strict=True)])


def _jensen_shannon(one: Floats, other: Floats) -> float:
    return entropy((one + other) / 2) - (entropy(one) + entropy(other)) / 2
