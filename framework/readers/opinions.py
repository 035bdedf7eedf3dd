"""Teachers without a model: a function of the example."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from framework.data.example import Example
from framework.progress import SILENT, Progress
from framework.readers.base import Reading
from framework.signals.span import SpanSignal


@dataclass(frozen=True)
class OpinionReader:
    """See Reader. `opinion` says what the teacher thinks of one example, which may be unlabelled."""

    opinion: Callable[[Example], SpanSignal]
    reading: Reading
    parameters: int = 0

    def predict(
        self, examples: Sequence[Example], progress: Progress = SILENT, title: str = "predict"
    ) -> dict[str, Any]:
        """See Reader: the best answers by what the teacher thinks."""
        with progress.task(title, len(examples)) as bar:
            signals = []
            for example in examples:
                signals.append(self.opinion(example))
                bar.advance()
        return self.reading.task.predict_from_signals(examples, signals)

    def signals(self, examples: Sequence[Example], hints: Sequence[Sequence[SpanSignal]] = ()) -> list[SpanSignal]:
        """See Reader; hints are of no use to it."""
        return [self.opinion(example) for example in examples]
