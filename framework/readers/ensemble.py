"""Several loaded teachers that answer as the ensemble of their recipe."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from framework.data.example import Example
from framework.ensembles.base import Ensemble
from framework.ensembles.source import EnsembleSource
from framework.progress import SILENT, Progress
from framework.readers.base import Reader, Reading
from framework.signals.shards import as_stored
from framework.signals.span import SpanSignal


@dataclass(frozen=True)
class EnsembleReader:
    """See Reader: its signals are those that a run would store and mix.

    teachers: by name, in the order of the recipe; shown: those who are shown the others' signals; temperatures, f1: as in
    EnsembleSource; top_k: entries of a side that are kept. Labels decide about no weight.
    """

    ensemble: Ensemble
    teachers: Mapping[str, Reader]
    shown: frozenset[str]
    temperatures: Mapping[str, float]
    f1: Mapping[str, float]
    top_k: int
    reading: Reading

    @property
    def parameters(self) -> int:
        """Parameters of all teachers."""
        return sum(teacher.parameters for teacher in self.teachers.values())

    def predict(
        self, examples: Sequence[Example], progress: Progress = SILENT, title: str = "predict"
    ) -> dict[str, Any]:
        """See Reader."""
        with progress.task(title, len(examples)) as bar:
            signals = self.signals(examples)
            bar.advance(len(examples))
        return self.reading.task.predict_from_signals(examples, signals)

    def signals(self, examples: Sequence[Example], hints: Sequence[Sequence[SpanSignal]] = ()) -> list[SpanSignal]:
        """See Reader; hints are of no use to it."""
        said: dict[str, list[SpanSignal]] = {}
        for name in sorted(self.teachers, key=lambda name: name in self.shown):  # the others speak first
            others = [said[other] for other in said if other not in self.shown] if name in self.shown else []
            found = self.teachers[name].signals(examples, others)
            said[name] = [as_stored(signal, self.top_k) for signal in found]
        teachers = {name: _Said(examples, said[name]) for name in self.teachers}
        source = EnsembleSource(self.ensemble, teachers, self.temperatures, self.f1, blind=True)
        return [source.signals(example, 1.0)[0] for example in examples]


class _Said:
    """See TeacherSignals: what a teacher has just said."""

    def __init__(self, examples: Sequence[Example], signals: Sequence[SpanSignal]) -> None:
        self._signals = {example.id: signal for example, signal in zip(examples, signals, strict=True)}

    def announce(self, batches: Sequence[Sequence[Example]]) -> None:
        """See TeacherSignals; everything is there already."""

    def signal(self, example: Example) -> SpanSignal:
        """See TeacherSignals."""
        return self._signals[example.id]
