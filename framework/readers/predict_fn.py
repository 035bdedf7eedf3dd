"""Teachers without a model: a function of the examples."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from framework.data.example import Example
from framework.progress import SILENT, Progress
from framework.readers.base import Reading
from framework.signals.algebra import Signals
from framework.signals.source import in_chunks
from framework.tasks.base import Plain


@dataclass(frozen=True)
class PredictFnReader:
    """See Reader. predict_fn: says what the teacher thinks of some examples, which may be unlabelled."""

    predict_fn: Callable[[Sequence[Example]], Signals]
    reading: Reading
    parameters: int = 0

    def predict(self, examples: Sequence[Example], progress: Progress = SILENT, title: str = "predict") -> Plain:
        """See Reader: the best answers by what the teacher thinks."""
        found: Plain = {}
        with progress.task(title, len(examples)) as bar:
            for part in in_chunks(examples, 256):
                found |= self.reading.task.predict_from_signals(part, self.predict_fn(part))
                bar.advance(len(part))
        return found

    def signals(self, examples: Sequence[Example], proposals: Sequence[Signals] = ()) -> Signals:
        """See Reader; proposals are of no use to it."""
        return self.predict_fn(examples)
