"""A teacher's pass over examples, as plain data: it can be made here, or sent to another process."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from distil.framework.data.example import Example
from distil.framework.data.section import fold_of
from distil.framework.segments import Ints
from distil.framework.signals.algebra import Signals, from_parts
from distil.framework.signals.section import SignalSettings
from distil.framework.signals.source import TeacherSignals
from distil.framework.signals.steps import Steps, ask, steps_of
from distil.framework.tasks.base import InferenceConfig, Own
from distil.framework.teachers.base import Teacher


@dataclass(frozen=True)
class Ask:
    """See Steps: the loaded models of a teacher, one a fold, each of which is asked about the examples of its fold."""

    models: Sequence[Steps]

    def __call__(self, examples: Sequence[Example], proposals: Sequence[Signals]) -> Signals:
        """The signal of each example, in order. proposals: of each other teacher, about the same examples."""
        return ask(self, examples, proposals)

    def prepare(self, examples: Sequence[Example], proposals: Sequence[Signals] = ()) -> tuple[Ints, dict[int, Own]]:
        """See Steps: the fold of each example, and what each fold's model takes."""
        folds = np.asarray([fold_of(example, len(self.models)) for example in examples], np.int64)
        prepared: dict[int, Own] = {}
        for fold in sorted(set(folds.tolist())):
            numbers = np.flatnonzero(folds == fold)
            about = [of_teacher.take(numbers) for of_teacher in proposals]
            prepared[fold] = self.models[fold].prepare([examples[number] for number in numbers.tolist()], about)
        return folds, prepared

    def run(self, prepared: tuple[Ints, dict[int, Own]]) -> tuple[Ints, dict[int, Own]]:
        """See Steps."""
        folds, of_folds = prepared
        return folds, {fold: self.models[fold].run(own) for fold, own in of_folds.items()}

    def signals_of(self, said: tuple[Ints, dict[int, Own]]) -> Signals:
        """See Steps."""
        folds, of_folds = said
        return from_parts(folds, lambda fold, _: self.models[fold].signals_of(of_folds[fold]))


@dataclass(frozen=True)
class TeacherPass:
    """Asking teacher `name` about `examples`.

    models: folders of the trained model; of several, one a fold, each answers for the fold that it has not seen.
    folder: where the signals go; proposals: folders with the signals that the teacher is shown, one a teacher.
    """

    name: str
    teacher: Teacher
    inference: InferenceConfig
    models: tuple[Path, ...]
    examples: Sequence[Example]
    folder: Path
    proposals: tuple[Path, ...]
    settings: SignalSettings

    def open(self) -> Ask:
        """Load the teacher: a function from examples, and the proposals about each, to signals."""
        return Ask([steps_of(self.teacher.predictor(model, self.inference)) for model in self.models])


# Runs the teachers of some passes for as long as the context lasts, and gives their signals by folder of the pass. They
# can be sent to the student's workers. Once the context has ended well, every pass is complete on disk.
Streamer = Callable[[Sequence[TeacherPass]], AbstractContextManager[Mapping[str, TeacherSignals]]]
