"""The rules that make one teacher of several, as callables, and what they work on.

A rule's `weigh` is called with `TeacherOutputs`, what K teachers say about E examples, and returns their weights, float64
[E, K]; `mix` makes one `Signals` of several by such weights.
"""

from distil.framework.ensembles.base import Ensemble, Mixing, TeacherOutputs
from distil.framework.ensembles.route import Route
from distil.framework.ensembles.rules import (
    Agreement,
    Confidence,
    Geometric,
    LabelAware,
    Mean,
    Posterior,
    Sampled,
    Weighted,
)
from distil.framework.signals.algebra import Signals, entropy, from_dense, temper, to_dense
from distil.framework.signals.mixing import mix

__all__ = [
    "Agreement",
    "Confidence",
    "Ensemble",
    "Geometric",
    "LabelAware",
    "Mean",
    "Mixing",
    "Posterior",
    "Route",
    "Sampled",
    "Signals",
    "TeacherOutputs",
    "Weighted",
    "entropy",
    "from_dense",
    "mix",
    "temper",
    "to_dense",
]
