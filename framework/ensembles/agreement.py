"""Weights that fall with a teacher's distance from the others.

That opinions should count the less the further they are from the others is the idea of Carvalho and Larson (A
consensual linear opinion pool, IJCAI 2013); the distance is the Jensen–Shannon divergence (Lin, Divergence measures
based on the Shannon entropy, IEEE Transactions on Information Theory, 1991). The exponential is distil's own choice.
"""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from framework.config import Section
from framework.ensembles.base import Mixing, TeacherOutputs
from framework.segments import Floats, softmax
from framework.signals.mixing import divergence_from_others


class Agreement(Section):
    """p = Σ_k w_k · p_k with w_k ∝ exp(-JS(p_k, mean of the others) / tau), JS the mean over heads (start and end).

    It takes three teachers: two are equally far from each other, and weigh the same.
    """

    rule: Literal["agreement"] = "agreement"
    tau: float = Field(default=0.1, ge=0.01, le=1000, description="Nats, of which ln 2 is the greatest distance.")
    needs_labels: ClassVar[bool] = False
    needs_f1: ClassVar[bool] = False
    mixing: ClassVar[Mixing] = "arithmetic"

    def weigh(self, outputs: TeacherOutputs) -> Floats:
        apart = divergence_from_others(outputs.signals)
        means = [signals.head_means(each) for signals, each in zip(outputs.signals, apart, strict=True)]
        return softmax(-np.stack(means, axis=1) / self.tau)
