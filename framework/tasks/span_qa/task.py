"""Extractive question answering: an answer is a span of the context (Rajpurkar et al., arXiv 1606.05250)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from framework.config import Section
from framework.metrics import Metric

if TYPE_CHECKING:
    from torch import Tensor

    from framework.data.example import Example
    from framework.data.windows import Windows
    from framework.signals.source import SignalSource, TeacherSignals
    from framework.signals.span import SpanSignal
    from framework.tasks.base import Logits, Scores
    from framework.training.items import TrainingItems


class ExtractiveQA(Section):
    """Two heads say where the answer starts and where it ends."""

    kind: Literal["extractive_qa"] = "extractive_qa"
    n_best: int = Field(default=20, ge=1, le=1000, description="Answers kept for each question.")
    max_answer_length: int = Field(default=30, ge=1, le=10_000, description="Tokens of the longest answer.")
    null_threshold: float = Field(
        default=0.0,
        ge=-1e6,
        le=1e6,
        description="Unanswerable questions: 'no answer' is given where its logit leads the best span's by more.",
    )

    metrics: ClassVar[tuple[Metric, ...]] = (Metric("exact_match", "EM"), Metric("f1", "F1", primary=True))
    variants: ClassVar[tuple[str, ...]] = ("russian",)
    items: ClassVar[str] = "questions"
    measured_with: ClassVar[tuple[str, ...]] = ("n_best", "max_answer_length", "null_threshold")

    def model_class(self) -> Any:
        """The transformers Auto class of its models."""
        from transformers import AutoModelForQuestionAnswering

        return AutoModelForQuestionAnswering

    def logits(self, output: Any) -> "Tensor":
        """Start and end logits, [B, 2, L]."""
        import torch

        return torch.stack([output.start_logits, output.end_logits], dim=1)

    def training_items(
        self,
        examples: "Sequence[Example]",
        windows: "Windows",
        pad_id: int,
        signals: "SignalSource | None",
        temperatures: Sequence[float],
        at_hand: bool,
    ) -> "TrainingItems":
        """Windows with gold positions and signals at each temperature: read now if all are `at_hand`, else when needed."""
        from framework.tasks.span_items import span_items

        return span_items(examples, windows, pad_id, signals, temperatures, at_hand)

    def moved_mass(self, examples: "Sequence[Example]", windows: "Windows", teacher: "TeacherSignals") -> float:
        """The share of a teacher's mass (T = 1) that no token covers and that moves to the nearest."""
        from framework.tasks.span_items import moved_mass

        return moved_mass(examples, windows, teacher)

    def write_signals(self, examples: "Sequence[Example]", windows: "Windows", logits: "Logits") -> "list[SpanSignal]":
        """A signal for each example."""
        from framework.signals.span import write_signal
        from framework.tasks.span_outputs import teacher_windows

        return [write_signal(found) for found in teacher_windows(len(examples), windows, logits)]

    def predict_from_signals(
        self, examples: "Sequence[Example]", signals: "Sequence[SpanSignal]", unanswerable: bool
    ) -> dict[str, Any]:
        """Predictions by example id, as `predict` gives them, from what teachers think."""
        from framework.evaluation.signal_decode import decode_signal
        from framework.tasks.span_outputs import prediction_record

        return {
            example.id: prediction_record(
                decode_signal(example.context, signal, self.n_best, self.max_answer_length, null=unanswerable),
                self.null_threshold,
            )
            for example, signal in zip(examples, signals, strict=True)
        }

    def predict(
        self, examples: "Sequence[Example]", windows: "Windows", logits: "Logits", unanswerable: bool
    ) -> dict[str, Any]:
        """Predictions by example id: `answer`, its `start`, `end` and `score`, and the `n_best` candidates."""
        from framework.tasks.span_outputs import prediction_record, window_logits
        from framework.tasks.span_qa.decode import decode

        found = window_logits(len(examples), windows, logits)
        return {
            example.id: prediction_record(
                decode(example.context, parts, self.n_best, self.max_answer_length, null=unanswerable),
                self.null_threshold,
            )
            for example, parts in zip(examples, found, strict=True)
        }

    def score(
        self,
        examples: "Sequence[Example]",
        predictions: Mapping[str, Any],
        unanswerable: bool,
        resamples: int,
        seed: int,
    ) -> "Scores":
        """EM and F1 as the official scripts compute them, with bootstrap intervals."""
        from framework.tasks.span_outputs import score_spans

        return score_spans(examples, predictions, unanswerable, self.null_threshold, resamples, seed)
