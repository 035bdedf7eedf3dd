"""The source of signals that is an ensemble: several teachers, and a rule that makes one of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from framework.data.example import Example
from framework.ensembles.base import Consultation, Ensemble, equal
from framework.ensembles.mixing import arithmetic, geometric
from framework.errors import DataError, UserError
from framework.signals.source import TeacherSignals
from framework.signals.span import Floats, SpanSignal, temper


@dataclass(frozen=True)
class EnsembleSource:
    """A SignalSource of K teachers, by name.

    temperatures: of each teacher itself. A rule weighs teachers by their signals at these; what is mixed for a loss's
    temperature are their signals at own · temperature. f1: of each teacher in points; empty unless the rule needs it.
    blind: labels decide nothing (a rule that needs them weighs all alike) and alternatives are averaged, so that the
    ensemble itself can be measured.
    """

    ensemble: Ensemble
    teachers: Mapping[str, TeacherSignals]
    temperatures: Mapping[str, float]
    f1: Mapping[str, float]
    blind: bool = False

    def announce(self, batches: Sequence[Sequence[Example]]) -> None:
        """See SignalSource."""
        for teacher in self.teachers.values():
            teacher.announce(batches)

    def signals(self, example: Example, temperature: float) -> Sequence[SpanSignal]:
        """See SignalSource. Raises DataError where `weights` does."""
        signals = self._at(example, temperature)
        if self.ensemble.mixing == "one_of" and not self.blind:
            return signals
        mean = geometric if self.ensemble.mixing == "geometric" else arithmetic
        return [mean(signals, self.weights(example))]

    def weights(self, example: Example) -> Floats:
        """What each teacher weighs on this question: [K], in the order of `teachers`, with sum 1.

        Raises:
            DataError: the rule needs a label, and the question has none.
            UserError: a rule of the user's own gives no such weights.
        """
        if len(self.teachers) == 1 or (self.ensemble.needs_labels and self.blind):
            return equal(len(self.teachers))
        if self.ensemble.needs_labels and not example.labelled:
            raise DataError(
                f"the rule '{self.ensemble.rule}' weighs teachers by the gold answer, and question '{example.id}' has "
                "no label; leave out unlabelled questions, or take another rule"
            )
        weights = self.ensemble.weigh(Consultation(example, list(self.teachers), self._at(example, 1.0), self.f1))
        if weights.shape != (len(self.teachers),) or not (weights >= 0).all() or abs(weights.sum() - 1) > 1e-6:
            raise UserError(
                f"the rule '{self.ensemble.rule}' weighs the teachers {weights.tolist()} on question '{example.id}'; "
                f"expected {len(self.teachers)} numbers from 0 to 1 with sum 1: put its `weigh` right"
            )
        return weights

    def _at(self, example: Example, temperature: float) -> list[SpanSignal]:
        """The teachers' signals at own · temperature."""
        return [
            temper(teacher.signal(example), self.temperatures[name] * temperature)
            for name, teacher in self.teachers.items()
        ]


def weight_figures(source: EnsembleSource, examples: Sequence[Example]) -> dict[str, dict[str, float]]:
    """For every teacher, mean and (population) standard deviation of its weight over `examples`."""
    weights = np.asarray([source.weights(example) for example in examples])
    return {
        name: {"mean": float(column.mean()), "std": float(column.std())}
        for name, column in zip(source.teachers, weights.T, strict=True)
    }
