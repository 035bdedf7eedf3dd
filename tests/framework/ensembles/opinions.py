"""Teachers for tests of ensembles that say the same about every question."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from distil.framework.ensembles.source import EnsembleSource
from distil.framework.signals.algebra import NULL, Signals
from distil.framework.tasks.span_qa.data import Answer, QAExample
from distil.framework.tasks.span_qa.task import ExtractiveQA
from tests.framework.signals.made_up import OUTCOMES, drawn, of_masses

CONTEXT = "Пётр родился в Воткинске."
assert len(CONTEXT) == OUTCOMES
EXAMPLE = QAExample("1", CONTEXT, "Где?", (Answer("Воткинске", CONTEXT.index("Воткинске")),))
F1 = {"a": 80.0, "b": 81.0, "c": 70.0}
TEMPERATURES = st.sampled_from([0.5, 1.0, 2.0, 4.0])
signals = drawn(1)


@dataclass(frozen=True)
class Fixed:
    """A teacher that says the same about every question."""

    said: Signals

    def prefetch(self, batches: Sequence[Sequence[QAExample]]) -> None: ...

    def signals(self, examples: Sequence[QAExample]) -> Signals:
        return self.said.take(np.zeros(len(examples), np.int64))


def source_of(ensemble: Any, said: Mapping[str, Signals], **settings: Any) -> EnsembleSource:
    """The source of teachers that say what is `said`, each at temperature 1 unless `temperatures` are given."""
    settings = {"temperatures": dict.fromkeys(said, 1.0), "points": F1, "task": ExtractiveQA(), **settings}
    return EnsembleSource(ensemble, {name: Fixed(signal) for name, signal in said.items()}, **settings)


def both(masses: Mapping[int, float], **tail: Any) -> Signals:
    """A signal about one question whose start and end are the same."""
    return of_masses(masses, masses, **{name: [value] * 2 for name, value in tail.items()})


def by_number(*masses: float) -> Signals:
    """The same, with masses for the characters 0, 1, ... and, last, for "no answer here"."""
    return both({**dict(enumerate(masses[:-1])), NULL: masses[-1]})
