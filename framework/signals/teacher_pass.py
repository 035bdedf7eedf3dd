"""A teacher's pass over examples, as plain data: it can be made here, or carried to another process."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from framework.data.example import Example
from framework.data.folds import fold_of
from framework.readers.base import Reader, Reading
from framework.signals.section import Signals
from framework.signals.span import SpanSignal
from framework.teachers.base import Teacher

Ask = Callable[[Sequence[Example], Sequence[Sequence[SpanSignal]]], list[SpanSignal]]


@dataclass(frozen=True)
class TeacherPass:
    """Asking teacher `name` about `examples`.

    models: folders of the trained model; of several, one a fold, each answers for the fold that it has not seen.
    folder: where the signals go; hints: folders with the signals that the teacher is shown, one a teacher.
    """

    name: str
    teacher: Teacher
    reading: Reading
    models: tuple[Path, ...]
    examples: Sequence[Example]
    folder: Path
    hints: tuple[Path, ...]
    settings: Signals

    def open(self) -> Ask:
        """Load the teacher: a function from examples, and the hints about each, to signals."""
        readers = [self.teacher.reader(model, self.reading) for model in self.models]
        return lambda examples, hints: _ask(readers, examples, hints)


def _ask(
    readers: Sequence[Reader], examples: Sequence[Example], hints: Sequence[Sequence[SpanSignal]]
) -> list[SpanSignal]:
    """The signal of each example, in order, from the model of its fold."""
    found: dict[int, SpanSignal] = {}
    for fold, reader in enumerate(readers):
        numbers = [n for n, example in enumerate(examples) if fold_of(example, len(readers)) == fold]
        if numbers:
            shown = [[of_teacher[n] for n in numbers] for of_teacher in hints]
            found.update(zip(numbers, reader.signals([examples[n] for n in numbers], shown), strict=True))
    return [found[number] for number in range(len(examples))]
