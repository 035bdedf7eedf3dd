"""Extractive question answering: an answer is a span of the context (Rajpurkar et al., arXiv 1606.05250)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import BaseModel, Field

from distil.framework.data.example import Note, Notebook
from distil.framework.data.features import WindowSettings
from distil.framework.data.records import Asked, Fields, Record
from distil.framework.generative.prompts import prompt_problems
from distil.framework.metrics import Metric
from distil.framework.progress import SILENT, Progress
from distil.framework.tasks.defaults import TaskSection
from distil.framework.tasks.span_qa.checks import (
    chat_problems,
    label_problems,
    unanswerable_problems,
    window_problems,
)
from distil.framework.tasks.span_qa.data import FIELDS, NOTES, QAExample, QARow, to_example
from distil.framework.tasks.span_qa.prompts import parse_template
from distil.framework.tasks.span_qa.usage import QuestionRequest, SpanResponse, asked, respond

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor
    from transformers import PreTrainedTokenizerFast

    from distil.framework.chat.task import ChatTask
    from distil.framework.segments import Ints
    from distil.framework.signals.algebra import Signals
    from distil.framework.signals.source import SignalSource, TeacherSignals
    from distil.framework.tasks.base import InferenceConfig, Logits, Own, Plain, Predictor
    from distil.framework.tasks.reports import CardParts, Scores
    from distil.framework.tasks.sections import GenerativeSection, Sections
    from distil.framework.tasks.span_qa.chat import Reply
    from distil.framework.tasks.span_qa.items import TrainingItems
    from distil.framework.tasks.span_qa.windows import Windows
    from distil.framework.training.objective import Objective


class ExtractiveQA(TaskSection):
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

    unanswerable: bool = Field(
        default=False,
        description="Whether questions without an answer are part of the task (SQuAD 2.0); if not, questions marked "
        "is_impossible are left out, and others without answers count as unlabelled.",
    )

    metrics: ClassVar[tuple[Metric, ...]] = (Metric("exact_match", "EM"), Metric("f1", "F1", primary=True))
    variants: ClassVar[tuple[str, ...]] = ("russian",)
    items: ClassVar[str] = "questions"
    measured_with: ClassVar[tuple[str, ...]] = ("n_best", "max_answer_length", "null_threshold")
    request: ClassVar[type[BaseModel]] = QuestionRequest
    response: ClassVar[type[BaseModel]] = SpanResponse
    fields: ClassVar[tuple[Asked, ...]] = FIELDS
    notes: ClassVar[Mapping[str, Note]] = NOTES

    def check(self, recipe: "Sections") -> list[str]:
        """See Task."""
        return [
            *chat_problems(recipe),
            *prompt_problems(recipe.teachers, parse_template),
            *window_problems(recipe),
            *label_problems(self.kind, recipe),
            *([] if self.unanswerable else unanswerable_problems(self.null_threshold, recipe)),
        ]

    def rows(self, records: Iterable[Record], fields: Fields) -> Iterator[QARow]:
        """See Task."""
        from distil.framework.tasks.span_qa.records import question_rows

        return question_rows(records, fields)

    def settle(self, rows: list[QARow]) -> list[QARow]:
        """See Task: rows of one question are joined, and offsets count characters."""
        from distil.framework.tasks.span_qa.data import joined
        from distil.framework.tasks.span_qa.units import in_characters

        return in_characters(joined(rows))

    def example(self, row: QARow, notebook: Notebook) -> QAExample | None:
        """See Task."""
        return to_example(row, self.unanswerable, notebook)

    def record(self, example: QAExample) -> "Plain":
        """See Task."""
        answers = example.answers
        return {
            "id": example.id,
            "context": example.context,
            "question": example.question,
            "answers": None if answers is None else [{"text": one.text, "answer_start": one.start} for one in answers],
        }

    def stand_in(self) -> "Plain":
        """See Task: paragraphs about as long as SberQuAD's, 770 characters on average, beside its 750."""
        return {"kind": "synthetic", "persons": 2, "facts": 8, "fillers": 2}

    def model_class(self) -> "Own":
        """The transformers Auto class of its models."""
        from transformers import AutoModelForQuestionAnswering

        return AutoModelForQuestionAnswering

    def head_fields(self) -> "Plain":
        """See Task; there is no choice."""
        return {}

    def check_config(self, config: "Own", as_it_is: bool) -> None:
        """See Task."""
        from distil.framework.tasks.span_qa.checks import check_head

        check_head(self, config)

    def features(
        self,
        examples: Sequence[QAExample],
        tokenizer: "PreTrainedTokenizerFast",
        windows: WindowSettings,
        progress: Progress = SILENT,
    ) -> "Windows":
        """See Task: overlapping windows over the context."""
        from distil.framework.tasks.span_qa.windows import cut_windows

        return cut_windows(examples, tokenizer, windows, progress)

    def tokenized(
        self, examples: Sequence[QAExample], tokenizer: "PreTrainedTokenizerFast", windows: WindowSettings
    ) -> Iterator[str]:
        """See Task: contexts and questions, the latter also as windows show them."""
        from distil.framework.data.pairs import shortened

        questions = [example.question for example in examples]
        yield from (example.context for example in examples)
        yield from questions
        yield from (question.lstrip() for question in questions)
        yield from shortened(tokenizer, questions, windows.max_question)[0]

    def logits(self, output: "Own") -> "Tensor":
        """Start and end logits, [B, 2, L]."""
        import torch

        return torch.stack([output.start_logits, output.end_logits], dim=1)

    def translated(self, logits: "Logits", config: "Own", label_map: Mapping[str, str | None] | None) -> "Logits":
        """See Task; all models have the same two."""
        return logits

    def training_items(
        self,
        examples: Sequence[QAExample],
        windows: "Windows",
        pad_id: int,
        signals: "SignalSource | None",
        temperatures: Sequence[float],
        eager: bool,
    ) -> "TrainingItems":
        """Windows with gold positions and signals at each temperature. `eager`: read now, else when needed."""
        from distil.framework.tasks.span_qa.items import span_items

        return span_items(examples, windows, pad_id, signals, temperatures, eager)

    def moved_mass(self, examples: Sequence[QAExample], windows: "Windows", teacher: "TeacherSignals") -> float:
        """The share of a teacher's mass (T = 1) that no token covers and that moves to the nearest."""
        from distil.framework.tasks.span_qa.items import moved_mass

        return moved_mass(examples, windows, teacher)

    def write_signals(self, examples: Sequence[QAExample], windows: "Windows", logits: "Logits") -> "Signals":
        """A signal for each example."""
        from distil.framework.tasks.span_qa.write import write_spans

        return write_spans(len(examples), windows, logits)

    def head_sizes(self, examples: Sequence[QAExample]) -> "Ints":
        """See Task: each character, of two heads."""
        import numpy as np

        return np.repeat([len(example.context) for example in examples], 2)

    def gold_outcomes(self, examples: Sequence[QAExample]) -> "Ints":
        """Of labelled examples the words of the first gold answer's start and end: their first and last characters. [2 E, 2]"""
        from distil.framework.tasks.span_qa.write import gold_outcomes

        return gold_outcomes(examples)

    def predict_from_signals(self, examples: Sequence[QAExample], signals: "Signals") -> "Plain":
        """Predictions by example id, as `predict` gives them, from what teachers think."""
        from distil.framework.tasks.span_qa.decode_signals import decode_signals
        from distil.framework.tasks.span_qa.predictions import prediction_record

        contexts = [example.context for example in examples]
        found = decode_signals(contexts, signals, self.n_best, self.max_answer_length, null=self.unanswerable)
        return {
            example.id: prediction_record(prediction, self.null_threshold)
            for example, prediction in zip(examples, found, strict=True)
        }

    def soft_labels(self, examples: Sequence[QAExample], signals: "Signals") -> "list[Plain]":
        """See Task: the likeliest answers."""
        from distil.framework.tasks.span_qa.decode_signals import decode_signals
        from distil.framework.tasks.span_qa.predictions import soft_label

        contexts = [example.context for example in examples]
        found = decode_signals(contexts, signals, self.n_best, self.max_answer_length, null=self.unanswerable)
        return [soft_label(prediction, self.null_threshold) for prediction in found]

    def predict(self, examples: Sequence[QAExample], windows: "Windows", logits: "Logits") -> "Plain":
        """Predictions by example id: `answer`, its `start`, `end` and `score`, and the `n_best` candidates."""
        from distil.framework.tasks.span_qa.decode import decode
        from distil.framework.tasks.span_qa.predictions import prediction_record

        contexts = [example.context for example in examples]
        found = decode(contexts, windows, logits, self.n_best, self.max_answer_length, null=self.unanswerable)
        return {
            example.id: prediction_record(prediction, self.null_threshold)
            for example, prediction in zip(examples, found, strict=True)
        }

    def score(
        self,
        examples: Sequence[QAExample],
        predictions: "Mapping[str, Own]",
        resamples: int,
        seed: int,
    ) -> "Scores":
        """EM and F1 as the official scripts compute them, with bootstrap intervals."""
        from distil.framework.tasks.span_qa.outputs import score_spans

        return score_spans(examples, predictions, self.unanswerable, self.null_threshold, resamples, seed)

    def asked(self, request: QuestionRequest) -> QAExample:
        """See Task."""
        return asked(request)

    def respond(self, prediction: "Plain") -> SpanResponse:
        """See Task."""
        return respond(prediction)

    def answer_of(self, prediction: "Plain") -> tuple[int, int]:
        """See Task: the span."""
        return prediction["start"], prediction["end"]

    def compared(self, features: "Windows", logits: "Logits") -> "list[NDArray[np.float32]]":
        """See Task: the logits of the context's tokens."""
        return [found[:, features.support[features.slice_of(row)]] for row, found in enumerate(logits)]

    def card(self, windows: WindowSettings, onnx: str | None, language: str) -> "CardParts":
        """See Task."""
        from distil.framework.tasks.span_qa.usage import card_parts

        return card_parts(self.unanswerable, windows.max_length, self.max_answer_length, onnx, language)

    def generative_objective(
        self,
        teacher: "GenerativeSection",
        windows: WindowSettings,
        examples: Sequence[QAExample],
        tokenizer: "PreTrainedTokenizerFast",
        progress: Progress,
    ) -> "Objective":
        """See Task: to write the gold answers."""
        from distil.framework.tasks.span_qa.generative import generation
        from distil.framework.tasks.span_qa.prompts import prompts_for

        config, forced = teacher.configuration(tokenizer)
        prompts = prompts_for(tokenizer, config, windows, teacher.max_answer, teacher.prompt, forced)
        return generation(examples, prompts, self.unanswerable, progress)

    def generative_predictor(
        self, teacher: "GenerativeSection", folder: "Path", inference: "InferenceConfig"
    ) -> "Predictor":
        """See Task."""
        from distil.framework.tasks.span_qa.generative import generative_predictor

        return generative_predictor(folder, inference, teacher)

    def chat(self) -> "ChatTask[QAExample, Reply]":
        """See Task: votes for spans, or likelihoods of answers."""
        from distil.framework.tasks.span_qa.chat import SpanChat

        return SpanChat(self.unanswerable, self.n_best, self.null_threshold)
