"""Asking a teacher in steps, so that its model waits neither for what comes before it nor for what comes after."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from distil.framework.signals.algebra import Signals
from distil.framework.tasks.base import Examples, Own, Predictor

PredictFn = Callable[[Examples, Sequence[Signals]], Signals]


@runtime_checkable
class Steps(Protocol):
    """What `ask` does with one batch of examples after the other. `prepare` and `signals_of` may go on in other threads, each with
    other examples, while `run` goes on in the one that loaded the model."""

    def prepare(self, examples: Examples, proposals: Sequence[Signals] = ()) -> Own:
        """What `run` takes: tokens, say. proposals: as in Predictor."""

    def run(self, prepared: Own) -> Own:
        """What the model makes of them; a GPU may still be at it."""

    def signals_of(self, said: Own) -> Signals:
        """What `run` gave as signals, once all of it is there."""


@dataclass(frozen=True)
class OneStep:
    """See Steps: of what knows none, everything is the model's."""

    predict_fn: PredictFn

    def prepare(self, examples: Examples, proposals: Sequence[Signals] = ()) -> Own:
        """See Steps."""
        return examples, proposals

    def run(self, prepared: Own) -> Signals:
        """See Steps."""
        return self.predict_fn(*prepared)

    def signals_of(self, said: Signals) -> Signals:
        """See Steps."""
        return said


def steps_of(predictor: Predictor) -> Steps:
    """The steps of a predictor."""
    return predictor if isinstance(predictor, Steps) else OneStep(predictor.signals)


def ask(steps: Steps, examples: Examples, proposals: Sequence[Signals] = ()) -> Signals:
    """The signals about some examples, one step after the other."""
    return steps.signals_of(steps.run(steps.prepare(examples, proposals)))
