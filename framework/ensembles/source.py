"""The source of signals that is an ensemble: several teachers, and a rule that makes one of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from distil.framework.data.example import Example
from distil.framework.ensembles.base import Ensemble, TeacherOutputs
from distil.framework.errors import DataError, UserError
from distil.framework.plugins import named_in_errors
from distil.framework.segments import Floats
from distil.framework.signals.algebra import Signals, from_parts, temper
from distil.framework.signals.mixing import Mean, mix
from distil.framework.signals.silence import evened, silent
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
            return {temperature: self._in_turn(examples, found, temperature) for temperature in temperatures}
        mean: Mean = "geometric" if self.ensemble.mixing == "geometric" else "arithmetic"
        weights = self._weights(examples, found)
        mixed = {temperature: mix(self._at(found, temperature), weights, mean) for temperature in temperatures}
        if self.ignore_labels:
            sizes = self.task.head_sizes(examples)
            mixed = {temperature: evened(signals, sizes) for temperature, signals in mixed.items()}
        return {temperature: [signals] for temperature, signals in mixed.items()}

    def weights(self, examples: Sequence[Example]) -> Floats:
        """What each teacher weighs on each example: [E, K], in the order of `teachers`, with sum 1; those that say nothing of it weigh
        nothing, unless none says anything.

        Raises:
            DataError: the rule needs a label, and an example has none.
            UserError: a rule of the user's own gives no such weights.
        """
        return self._weights(examples, self._found(examples))

    def _weights(self, examples: Sequence[Example], found: Sequence[Signals]) -> Floats:
        names, signals = list(self.teachers), self._at(found, 1.0)
        if not self.ignore_labels:
            check_labelled(self.ensemble, examples)
        speaks = ~np.stack([silent(one) for one in found], axis=1)
        if speaks.all():
            return self._weigh(examples, names, signals)
        weights = np.zeros((len(examples), len(names)))
        for who in np.unique(speaks, axis=0):
            chosen = np.flatnonzero((speaks == who).all(1))
            teachers = np.flatnonzero(who) if who.any() else np.arange(len(names))
            about = [examples[number] for number in chosen.tolist()]
            of_them = [signals[teacher].take(chosen) for teacher in teachers.tolist()]
            weights[np.ix_(chosen, teachers)] = self._weigh(
                about, [names[teacher] for teacher in teachers.tolist()], of_them, equal=not who.any()
            )
        return weights

    def _weigh(
        self, examples: Sequence[Example], names: Sequence[str], signals: Sequence[Signals], equal: bool = False
    ) -> Floats:
        """Weights of teachers that all say something, or `equal` ones. [E, K]"""
        outputs = TeacherOutputs(examples, names, signals, self.points, self.task)
        if equal or len(names) == 1 or (self.ensemble.needs_labels and self.ignore_labels):
            return outputs.equal()
        with named_in_errors("ensemble", self.ensemble):
            weights = np.asarray(self.ensemble.weigh(outputs))
        self._check(weights, examples, len(names))
        return weights

    def _in_turn(self, examples: Sequence[Example], found: Sequence[Signals], temperature: float) -> list[Signals]:
        """Every teacher's signals, with what the others say together in place of nothing."""
        signals, nothing = self._at(found, temperature), [silent(one) for one in found]
        if not any(one.any() for one in nothing):
            return signals
        together = mix(signals, self._weights(examples, found), "arithmetic")
        return [_replaced(one, together, where) for one, where in zip(signals, nothing, strict=True)]

    def _check(self, weights: Floats, examples: Sequence[Example], teachers: int) -> None:
        rule, wanted = self.ensemble.rule, (len(examples), teachers)
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


def check_labelled(ensemble: Ensemble, examples: Sequence[Example]) -> None:
    """Raise DataError if the rule needs labels, and an example has none."""
    if not ensemble.needs_labels:
        return
    unlabelled = next((example for example in examples if not example.labelled), None)
    if unlabelled is not None:
        raise DataError(
            f"the rule '{ensemble.rule}' weighs teachers by the gold answer, and question '{unlabelled.id}' has no label; leave out "
            "unlabelled questions, or take another rule"
        )


def _replaced(signals: Signals, others: Signals, where: NDArray[np.bool_]) -> Signals:
    return from_parts(where.astype(np.int64), lambda part, chosen: (others if part else signals).take(chosen))


def weight_figures(source: EnsembleSource, examples: Sequence[Example]) -> dict[str, dict[str, float]]:
    """For every teacher, mean and (population) standard deviation of its weight over `examples`."""
    weights = np.concatenate([source.weights(part) for part in in_chunks(examples)])
    return {
        name: {"mean": float(column.mean()), "std": float(column.std())}
        for name, column in zip(source.teachers, weights.T, strict=True)
    }
