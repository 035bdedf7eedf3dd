"""Several loaded teachers that answer as the ensemble of their recipe."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from distil.framework.data.example import Example
from distil.framework.ensembles.base import Ensemble
from distil.framework.ensembles.source import EnsembleSource
from distil.framework.files import Json
from distil.framework.progress import SILENT, Progress
from distil.framework.signals.algebra import Signals
from distil.framework.signals.shards import as_stored
from distil.framework.tasks.base import InferenceConfig, Predictor


@dataclass(frozen=True)
class EnsemblePredictor:
    """See Predictor: its signals are those that a run would store and mix.

    teachers: by name, in the order of the recipe; takes_proposals: those who get the others' signals; temperatures, f1: as in
    EnsembleSource; top_k: entries of a side that are kept. Labels decide about no weight.
    """

    ensemble: Ensemble
    teachers: Mapping[str, Predictor]
    takes_proposals: frozenset[str]
    temperatures: Mapping[str, float]
    points: Mapping[str, float]
    top_k: int
    inference: InferenceConfig

    @property
    def parameters(self) -> int:
        """Parameters of all teachers."""
        return sum(teacher.parameters for teacher in self.teachers.values())

    def predict(self, examples: Sequence[Example], progress: Progress = SILENT, title: str = "predict") -> Json:
        """See Predictor."""
        with progress.task(title, len(examples)) as bar:
            signals = self.signals(examples)
            bar.advance(len(examples))
        return self.inference.task.predict_from_signals(examples, signals)

    def signals(self, examples: Sequence[Example], proposals: Sequence[Signals] = ()) -> Signals:
        """See Predictor; proposals are of no use to it."""
        said: dict[str, Signals] = {}
        for name in sorted(self.teachers, key=lambda name: name in self.takes_proposals):  # the others are asked first
            takes = name in self.takes_proposals
            others = [said[other] for other in said if other not in self.takes_proposals] if takes else []
            said[name] = as_stored(self.teachers[name].signals(examples, others), self.top_k)
        teachers = {name: _Said(said[name]) for name in self.teachers}
        source = EnsembleSource(
            self.ensemble, teachers, self.temperatures, self.points, self.inference.task, ignore_labels=True
        )
        return source.signals(examples, [1.0])[1.0][0]


@dataclass(frozen=True)
class _Said:
    """See TeacherSignals: what a teacher has just said about the examples that it is asked for."""

    said: Signals

    def prefetch(self, batches: Sequence[Sequence[Example]]) -> None:
        """See TeacherSignals; everything is there already."""

    def signals(self, examples: Sequence[Example]) -> Signals:
        """See TeacherSignals."""
        return self.said
