"""What a rule that combines teachers is given and what it returns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Protocol

import numpy as np

from distil.framework.data.example import Example
from distil.framework.segments import Floats, Ints
from distil.framework.signals.algebra import Signals, gold_log_likelihood, log_likelihood

Mixing = Literal["arithmetic", "geometric", "one_of"]
LEAST = float(np.log(1e-30))  # who holds impossible what stands there is out for good, and not without a number


@dataclass(frozen=True)
class Unfolding:
    """In which order heads show what is the case, as those of a text do that is read. turn: int64 [H], when its turn comes, within its
    example from 0 on; outcome: int64 [H], what shows then, and is known from the next turn on; -1: nothing that another head of this turn
    does not show."""

    turn: Ints
    outcome: Ints


class GoldTask(Protocol):
    """What a rule asks a task for."""

    def gold_outcomes(self, examples: Sequence[Example]) -> Ints:
        """See Task."""

    def unfolding(self, signals: Signals) -> Unfolding | None:
        """See Task."""


@dataclass(frozen=True)
class TeacherOutputs:
    """What K teachers, at least two, say about E examples.

    signals: of each teacher, about all examples, at its own temperature, with masses that sum to 1; points: what
    the rule's metric of each teacher is on held-out data, in points (`Metric.points`), by name, empty for a rule without; task: what heads and outcomes are;
    column: of each example the value of the column of the data that the rule names, None where it is not known, empty for a rule without.
    """

    examples: Sequence[Example]
    names: Sequence[str]
    signals: Sequence[Signals]
    points: Mapping[str, float]
    task: GoldTask
    column: Sequence[str | None] = ()

    def by_teacher(self, figure: Callable[[Signals], Floats]) -> Floats:
        """Of every teacher, means over each example's heads of a figure on all heads [H]. [E, K]"""
        return np.stack([signals.head_means(figure(signals)) for signals in self.signals], axis=1)

    def gold_log_likelihood(self) -> Floats:
        """What every teacher says of the gold outcomes of labelled examples: means over heads, in nats; where heads unfold, of what shows
        there, so that of a text each unit counts, and nothing twice. [E, K]"""
        if self.task.unfolding(self.signals[0]) is None:
            return self.by_teacher(partial(gold_log_likelihood, gold=self.task.gold_outcomes(self.examples)))
        return np.stack([self._shown(signals) for signals in self.signals], axis=1)

    def _shown(self, signals: Signals) -> Floats:
        unfolding = self.task.unfolding(signals)
        assert unfolding is not None
        likely = np.maximum(log_likelihood(signals, unfolding.outcome, unfolding.outcome), LEAST)
        return signals.head_means(likely, signals.said & (unfolding.outcome >= 0))

    def same(self, weights: Floats) -> Floats:
        """Weights [K] that are the same for every example. [E, K]"""
        return np.tile(weights, (len(self.examples), 1))

    def equal(self) -> Floats:
        """The same weight for every teacher. [E, K]"""
        return self.same(np.full(len(self.names), 1 / len(self.names)))


class Ensemble(Protocol):
    """A rule: how much each teacher weighs on an example, and how their signals are mixed with these weights."""

    @property
    def rule(self) -> str:
        """The name under which recipes know it."""

    @property
    def needs_labels(self) -> bool:
        """Whether the weights depend on the gold answer; such a rule is never asked about an unlabelled question."""

    @property
    def metric(self) -> str | None:
        """The name of the task's metric on which the weights depend; None if they depend on none."""

    @property
    def mixing(self) -> Mixing:
        """The mean that is taken; `one_of` keeps the signals apart, and each batch is taught by one of them."""

    def model_dump(self, *, mode: str = "python") -> dict[str, Any]:
        """Its settings as plain data (pydantic gives it)."""

    def weigh(self, outputs: TeacherOutputs) -> Floats:
        """Weights of the teachers, in their order, on each example, [E, K], or on each of the signals' heads, [H, K]: at least 0, with
        sum 1 in each row, or all 0 where nobody is to teach. What an example gets may depend on nothing else that is asked at the same
        time. Of a head that a teacher says nothing of, the others share its weight."""
