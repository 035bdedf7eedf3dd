"""Teachers without a model: a function of the examples."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from distil.framework.data.example import Example
from distil.framework.progress import SILENT, Progress
from distil.framework.signals.algebra import Signals
from distil.framework.signals.checks import check_said
from distil.framework.signals.source import in_chunks
from distil.framework.tasks.base import InferenceConfig, Plain


@dataclass(frozen=True)
class FunctionPredictor:
    """See Predictor. predict_fn: gives the teacher's output distributions on some examples, which may be unlabelled."""

    predict_fn: Callable[[Sequence[Example]], Signals]
    inference: InferenceConfig
    parameters: int = 0

    def predict(self, examples: Sequence[Example], progress: Progress = SILENT, title: str = "predict") -> Plain:
        """See Predictor: the best answers by the teacher's distributions. Raises UserError as `signals` does."""
        found: Plain = {}
        with progress.task(title, len(examples)) as bar:
            for part in in_chunks(examples, 256):
                found |= self.inference.task.predict_from_signals(part, self._said(part))
                bar.advance(len(part))
        return found

    def signals(self, examples: Sequence[Example], proposals: Sequence[Signals] = ()) -> Signals:
        """See Predictor; proposals are of no use to it. Raises UserError where the function gives no signals about the examples."""
        return self._said(examples)

    def _said(self, examples: Sequence[Example]) -> Signals:
        return check_said(self.predict_fn(examples), examples, self.inference.task)
