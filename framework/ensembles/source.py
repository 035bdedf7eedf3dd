"""The source of signals that is an ensemble: several teachers, and a rule that makes one of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from distil.framework.data.example import Example
from distil.framework.ensembles.base import Ensemble, TeacherOutputs
from distil.framework.errors import DataError, UserError
from distil.framework.plugins import named_in_errors
from distil.framework.segments import Floats
from distil.framework.signals.algebra import Signals, temper
from distil.framework.signals.mixing import Mean, mix
from distil.framework.signals.source import TeacherSignals, in_chunks

if TYPE_CHECKING:
    from distil.framework.tasks.base import Task


@dataclass(frozen=True)
class EnsembleSource:
    """A SignalSource of K teachers, by name.

    temperatures: of each teacher itself. A rule weighs teachers by their signals at these; what is mixed for a loss's
    temperature are their signals at own · temperature. points: see TeacherOutputs.
    ignore_labels: labels decide nothing (a rule that needs them weighs all alike) and alternatives are averaged, so that the
    ensemble itself can be measured.
    """

    ensemble: Ensemble
    teachers: Mapping[str, TeacherSignals]
    temperatures: Mapping[str, float]
    points: Mapping[str, float]
    task: "Task"
    ignore_labels: bool = False

    def prefetch(self, batches: Sequence[Sequence[Example]]) -> None:
        """See SignalSource."""
        for teacher in self.teachers.values():
            teacher.prefetch(batches)

    def signals(self, examples: Sequence[Example], temperatures: Sequence[float]) -> Mapping[float, Sequence[Signals]]:
        """See SignalSource. Raises DataError where `weights` does."""
        found = self._found(examples)
        if self.ensemble.mixing == "one_of" and not self.ignore_labels:
            return {temperature: self._at(found, temperature) for temperature in temperatures}
        mean: Mean = "geometric" if self.ensemble.mixing == "geometric" else "arithmetic"
        weights = self._weights(examples, found)
        return {temperature: [mix(self._at(found, temperature), weights, mean)] for temperature in temperatures}

    def weights(self, examples: Sequence[Example]) -> Floats:
        """What each teacher weighs on each example: [E, K], in the order of `teachers`, with sum 1.

        Raises:
            DataError: the rule needs a label, and an example has none.
            UserError: a rule of the user's own gives no such weights.
        """
        return self._weights(examples, self._found(examples))

    def _weights(self, examples: Sequence[Example], found: Sequence[Signals]) -> Floats:
        outputs = TeacherOutputs(
            examples,
            list(self.teachers),
            self._at(found, 1.0),
            self.points,
            self.task,
        )
        if len(self.teachers) == 1 or (self.ensemble.needs_labels and self.ignore_labels):
            return outputs.equal()
        if self.ensemble.needs_labels:
            self._refuse_unlabelled(examples)
        with named_in_errors("ensemble", self.ensemble):
            weights = np.asarray(self.ensemble.weigh(outputs))
        self._check(weights, examples)
        return weights

    def _refuse_unlabelled(self, examples: Sequence[Example]) -> None:
        unlabelled = next((example for example in examples if not example.labelled), None)
        if unlabelled is not None:
            raise DataError(
                f"the rule '{self.ensemble.rule}' weighs teachers by the gold answer, and question '{unlabelled.id}' has "
                "no label; leave out unlabelled questions, or take another rule"
            )

    def _check(self, weights: Floats, examples: Sequence[Example]) -> None:
        rule, wanted = self.ensemble.rule, (len(examples), len(self.teachers))
        if weights.shape != wanted:
            raise UserError(
                f"the rule '{rule}' gives weights of shape {weights.shape} for {wanted[0]} examples and {wanted[1]} teachers; "
                f"expected {wanted}: put its `weigh` right"
            )
        wrong = ~((weights >= 0).all(-1) & (np.abs(weights.sum(-1) - 1) <= 1e-6))
        if wrong.any():
            number = int(np.argmax(wrong))
            raise UserError(
                f"the rule '{rule}' weighs the teachers {weights[number].tolist()} on question '{examples[number].id}'; "
                f"expected {wanted[1]} numbers from 0 to 1 with sum 1: put its `weigh` right"
            )

    def _found(self, examples: Sequence[Example]) -> list[Signals]:
        return [teacher.signals(examples) for teacher in self.teachers.values()]

    def _at(self, found: Sequence[Signals], temperature: float) -> list[Signals]:
        """The teachers' signals at own · temperature."""
        own = (self.temperatures[name] for name in self.teachers)
        return [temper(signals, each * temperature) for signals, each in zip(found, own, strict=True)]


def weight_figures(source: EnsembleSource, examples: Sequence[Example]) -> dict[str, dict[str, float]]:
    """For every teacher, mean and (population) standard deviation of its weight over `examples`."""
    weights = np.concatenate([source.weights(part) for part in in_chunks(examples)])
    return {
        name: {"mean": float(column.mean()), "std": float(column.std())}
        for name, column in zip(source.teachers, weights.T, strict=True)
    }
