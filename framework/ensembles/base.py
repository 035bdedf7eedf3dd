"""What a rule that combines teachers is given and what it returns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from framework.data.example import Example
from framework.signals.span import Floats, SpanSignal

Mixing = Literal["arithmetic", "geometric", "one_of"]


@dataclass(frozen=True)
class Consultation:
    """What K teachers, at least two, say about one question.

    signals: each at its teacher's own temperature, with masses that sum to 1;
    f1: F1 of each teacher on held-out data, in points (0 to 100), by name; empty unless the rule needs it.
    """

    example: Example
    names: Sequence[str]
    signals: Sequence[SpanSignal]
    f1: Mapping[str, float]


class Ensemble(Protocol):
    """A rule: how much each teacher weighs on a question, and how their signals are mixed with these weights."""

    @property
    def rule(self) -> str:
        """The name under which recipes know it."""

    @property
    def needs_labels(self) -> bool:
        """Whether the weights depend on the gold answer; such a rule is never asked about an unlabelled question."""

    @property
    def needs_f1(self) -> bool:
        """Whether the weights depend on the teachers' F1."""

    @property
    def mixing(self) -> Mixing:
        """The mean that is taken; `one_of` keeps the signals apart, and each batch is taught by one of them."""

    def model_dump(self, *, mode: str = "python") -> dict[str, Any]:
        """Its settings as plain data (pydantic gives it)."""

    def weigh(self, consultation: Consultation) -> Floats:
        """Weights of the teachers, in their order: [K], at least 0, with sum 1."""


def equal(count: int) -> Floats:
    """The same weight for each of `count` teachers. [count]"""
    return np.full(count, 1 / count)
