"""The source of signals that is an ensemble: several teachers, and a rule that makes one of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from distil.framework.data.example import Example
from distil.framework.ensembles.base import Ensemble, TeacherOutputs
from distil.framework.errors import DataError, UserError
from distil.framework.plugins import named_in_errors
from distil.framework.segments import Floats, Ints, taken, totals
from distil.framework.signals.algebra import Signals, from_parts, temper
from distil.framework.signals.further import even, of_task, own_heads, weighed_as
from distil.framework.signals.mixing import Mean, mix_heads, of_those_who_speak
from distil.framework.signals.shards import Key, row_key
from distil.framework.signals.silence import evened, silent
from distil.framework.signals.source import TeacherSignals, in_chunks

if TYPE_CHECKING:
    from distil.framework.tasks.base import Task


@dataclass(frozen=True)
class EnsembleSource:
    """A SignalSource of K teachers, by name.

    temperatures: of each teacher itself. A rule weighs teachers by their signals at these; what is mixed for a loss's
    temperature are their signals at own · temperature. points: see TeacherOutputs.
    column: of every example the value of the column that the rule names, by `row_key`.
    ignore_labels: labels decide nothing (a rule that needs them weighs all alike) and alternatives are averaged, so that the
    ensemble itself can be measured.
    """

    ensemble: Ensemble
    teachers: Mapping[str, TeacherSignals]
    temperatures: Mapping[str, float]
    points: Mapping[str, float]
    task: "Task"
    ignore_labels: bool = False
    column: Mapping[Key, str] = field(default_factory=dict)

    def prefetch(self, batches: Sequence[Sequence[Example]]) -> None:
        """See SignalSource."""
        for teacher in self.teachers.values():
            teacher.prefetch(batches)

    def signals(self, examples: Sequence[Example], temperatures: Sequence[float]) -> Mapping[float, Sequence[Signals]]:
        """See SignalSource. Raises DataError where `weights` does."""
        found = self._found(examples)
        if self.ignore_labels:  # an answer is that of the task's heads
            found = [of_task(self.task, examples, one) for one in found]
        if self.ensemble.mixing == "one_of" and not self.ignore_labels:
            return {temperature: self._in_turn(examples, found, temperature) for temperature in temperatures}
        mean: Mean = "geometric" if self.ensemble.mixing == "geometric" else "arithmetic"
        weights = self._weights(examples, found).of_heads
        mixed = {temperature: mix_heads(self._at(found, temperature), weights, mean) for temperature in temperatures}
        if self.ignore_labels:
            sizes = self.task.head_sizes(examples)
            mixed = {temperature: evened(signals, sizes) for temperature, signals in mixed.items()}
        return {temperature: [signals] for temperature, signals in mixed.items()}

    def weights(self, examples: Sequence[Example]) -> Floats:
        """What each teacher weighs on each example: [E, K], in the order of `teachers`, with sum 1, or all 0 where a rule lets nobody
        teach. A mean over heads, where these differ; those that say nothing weigh nothing, unless none says anything.

        Raises:
            DataError: the rule needs a label, and an example has none.
            UserError: a rule of the user's own gives no such weights.
        """
        return self._weights(examples, self._found(examples)).of_examples

    def _weights(self, examples: Sequence[Example], found: Sequence[Signals]) -> "_Weights":
        alike = weighed_as(self.task, examples, found[0])
        if alike is None:
            return self._by_rule(examples, found).heard(found)
        own = [own_heads(one, alike) for one in found]
        weights = self._by_rule(examples, own)
        number = np.cumsum(alike == np.arange(len(alike))) - 1  # of a head among those of the task
        return _Weights(weights.heard(own).of_examples, weights.of_heads[number[alike]])

    def _by_rule(self, examples: Sequence[Example], found: Sequence[Signals]) -> "_Weights":
        """Also of teachers that say nothing of a head, if they say something of its example."""
        names, signals = list(self.teachers), self._at(found, 1.0)
        if not self.ignore_labels:
            check_labelled(self.ensemble, examples)
        speaks = ~np.stack([silent(one) for one in found], axis=1)
        if speaks.all():
            return self._weigh(examples, names, signals)
        heads = found[0].heads
        weights = _Weights(np.zeros((len(examples), len(names))), np.zeros((int(heads[-1]), len(names))))
        for who in np.unique(speaks, axis=0):
            chosen = np.flatnonzero((speaks == who).all(1))
            teachers = np.flatnonzero(who) if who.any() else np.arange(len(names))
            about = [examples[number] for number in chosen.tolist()]
            of_them = [signals[teacher].take(chosen) for teacher in teachers.tolist()]
            part = self._weigh(about, [names[teacher] for teacher in teachers.tolist()], of_them, equal=not who.any())
            weights.of_examples[np.ix_(chosen, teachers)] = part.of_examples
            weights.of_heads[np.ix_(taken(heads, chosen)[0], teachers)] = part.of_heads
        return weights

    def _weigh(
        self, examples: Sequence[Example], names: Sequence[str], signals: Sequence[Signals], equal: bool = False
    ) -> "_Weights":
        """Weights of teachers that all say something, or `equal` ones."""
        column = [self.column.get(row_key(example)) for example in examples] if self.column else ()
        outputs, heads = TeacherOutputs(examples, names, signals, self.points, self.task, column), signals[0].heads
        if equal or len(names) == 1 or (self.ensemble.needs_labels and self.ignore_labels):
            return _Weights.by_example(outputs.equal(), heads)
        if (
            len(examples) == heads[-1] and (np.diff(heads) != 1).any()
        ):  # asked one by one, the shape says what weights are of
            alone = [np.asarray([number]) for number in range(len(examples))]
            parts = [
                self._weigh([example], names, [one.take(number) for one in signals])
                for example, number in zip(examples, alone, strict=True)
            ]
            return _Weights(
                np.concatenate([part.of_examples for part in parts]), np.concatenate([part.of_heads for part in parts])
            )
        with named_in_errors("ensemble", self.ensemble):
            weights = np.asarray(self.ensemble.weigh(outputs))
        self._check(weights, examples, heads, len(names))
        return (_Weights.by_example if len(weights) == len(examples) else _Weights.by_head)(weights, heads)

    def _in_turn(self, examples: Sequence[Example], found: Sequence[Signals], temperature: float) -> list[Signals]:
        """Every teacher's signals, with what the others say together in place of heads of which it says nothing."""
        signals = self._at(found, temperature)
        if all(one.said.all() for one in found):
            return signals
        together = mix_heads(signals, self._weights(examples, found).of_heads, "arithmetic")
        return [_completed(one, together) for one in signals]

    def _check(self, weights: Floats, examples: Sequence[Example], heads: Ints, teachers: int) -> None:
        rule, wanted = self.ensemble.rule, (len(examples), teachers)
        if weights.shape not in (wanted, (int(heads[-1]), teachers)):
            raise UserError(
                f"the rule '{rule}' gives weights of shape {weights.shape} for {wanted[0]} examples with {heads[-1]} heads and "
                f"{teachers} teachers; expected {wanted}, or a row for each head: put its `weigh` right"
            )
        sums = weights.sum(-1)
        wrong = ~((weights >= 0).all(-1) & ((np.abs(sums - 1) <= 1e-6) | (sums == 0)))
        if wrong.any():
            number = int(np.argmax(wrong))
            whose = number if len(weights) == len(examples) else int(np.searchsorted(heads, number, side="right")) - 1
            raise UserError(
                f"the rule '{rule}' weighs the teachers {weights[number].tolist()} on question '{examples[whose].id}'; "
                f"expected {teachers} numbers from 0 to 1 with sum 1, or 0 alone where nobody is to teach: put its `weigh` right"
            )

    def _found(self, examples: Sequence[Example]) -> list[Signals]:
        return even([teacher.signals(examples) for teacher in self.teachers.values()])

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


@dataclass(frozen=True)
class _Weights:
    """What teachers weigh. of_examples: [E, K]; of_heads: [H, K]."""

    of_examples: Floats
    of_heads: Floats

    @classmethod
    def by_example(cls, weights: Floats, heads: Ints) -> "_Weights":
        """The same in all heads of an example."""
        return cls(weights, np.repeat(weights, np.diff(heads), axis=0))

    @classmethod
    def by_head(cls, weights: Floats, heads: Ints) -> "_Weights":
        """Of an example the mean over those of its heads that anybody teaches."""
        taught = np.asarray(weights.any(1), np.bool_)
        count = np.maximum(totals(taught, heads), 1)
        return cls(np.stack([totals(of_teacher, heads) / count for of_teacher in weights.T], axis=1), weights)

    def heard(self, signals: Sequence[Signals]) -> "_Weights":
        """Without those of teachers that say nothing of a head; those of examples of which nobody says anything stay."""
        heads, of_heads = signals[0].heads, of_those_who_speak(self.of_heads, signals)
        other = np.asarray((of_heads != self.of_heads).any(1), np.bool_)
        if not other.any():
            return self
        taught = np.asarray(of_heads.any(1), np.bool_)
        changed = (totals(other, heads) > 0) & (totals(taught, heads) > 0)
        again = _Weights.by_head(of_heads, heads)
        return _Weights(np.where(changed[:, None], again.of_examples, self.of_examples), of_heads)


def _completed(signals: Signals, others: Signals) -> Signals:
    """The signals with the heads of others where they have none."""
    one, other = (replace(each, heads=np.arange(len(each.tail) + 1)) for each in (signals, others))
    found = from_parts((~one.said).astype(np.int64), lambda part, chosen: (other if part else one).take(chosen))
    return replace(found, heads=signals.heads)


def weight_figures(source: EnsembleSource, examples: Sequence[Example]) -> dict[str, dict[str, float]]:
    """For every teacher, mean and (population) standard deviation of its weight over `examples`."""
    weights = np.concatenate([source.weights(part) for part in in_chunks(examples)])
    return {
        name: {"mean": float(column.mean()), "std": float(column.std())}
        for name, column in zip(source.teachers, weights.T, strict=True)
    }
