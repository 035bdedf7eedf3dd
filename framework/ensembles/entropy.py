"""Shannon's entropy."""

import numpy as np

from framework.signals.span import Floats


def entropy(masses: Floats) -> float:
    """-Σ p · log p, in nats; 0 · log 0 is 0."""
    some = masses[masses > 0]
    return float(-(some * np.log(some)).sum())
