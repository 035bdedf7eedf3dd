"""A teacher's pass over examples, as plain data: it can be made here, or sent to another process."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from framework.data.example import Example
from framework.data.section import fold_of
from framework.segments import Ints
from framework.signals.algebra import Signals, from_parts
from framework.signals.section import SignalSettings
from framework.signals.source import TeacherSignals
from framework.tasks.base import InferenceConfig, Predictor
from framework.teachers.base import Teacher

Ask = Callable[[Sequence[Example], Sequence[Signals]], Signals]


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
        predictors = [self.teacher.predictor(model, self.inference) for model in self.models]
        return lambda examples, proposals: _ask(predictors, examples, proposals)


def _ask(predictors: Sequence[Predictor], examples: Sequence[Example], proposals: Sequence[Signals]) -> Signals:
    """The signal of each example, in order, from the model of its fold."""
    folds = np.asarray([fold_of(example, len(predictors)) for example in examples], np.int64)

    def of_fold(fold: int, numbers: Ints) -> Signals:
        about = [of_teacher.take(numbers) for of_teacher in proposals]
        return predictors[fold].signals([examples[number] for number in numbers], about)

    return from_parts(folds, of_fold)


# Runs the teachers of some passes for as long as the context lasts, and gives their signals by folder of the pass. They
# can be sent to the student's workers. Once the context has ended well, every pass is complete on disk.
Streamer = Callable[[Sequence[TeacherPass]], AbstractContextManager[Mapping[str, TeacherSignals]]]
