"""Text classification and regression: a label, several, or a number, of a text or of a pair of texts."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import BaseModel, model_validator

from distil.framework.data.example import Note, Notebook
from distil.framework.data.features import WindowSettings
from distil.framework.data.records import Asked, Fields, Record
from distil.framework.metrics import Metric
from distil.framework.progress import SILENT, Progress
from distil.framework.tasks.classification import data
from distil.framework.tasks.classification.data import Text
from distil.framework.tasks.classification.metrics import METRICS
from distil.framework.tasks.classification.settings import (
    ClassificationSettings,
    asked_fields,
    problem_of,
)
from distil.framework.tasks.classification.usage import LabelsResponse, NumberResponse, TextRequest, asked, respond

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor
    from transformers import PreTrainedTokenizerFast

    from distil.framework.chat.task import ChatTask
    from distil.framework.data.features import Features, TokenRows
    from distil.framework.segments import Ints
    from distil.framework.signals.algebra import Signals
    from distil.framework.signals.source import SignalSource
    from distil.framework.tasks.base import InferenceConfig, Logits, Own, Plain, Predictor
    from distil.framework.tasks.classification.problems import Problem
    from distil.framework.tasks.reports import CardParts, Scores
    from distil.framework.tasks.sections import GenerativeSection, Sections
    from distil.framework.training.objective import Objective
    from distil.framework.training.outcome_items import OutcomeItems


class Classification(ClassificationSettings):
    """A head of its own for the text as a whole, with a class for each label, or with one output for a number.

    A number is a share of `range`, which the head gives by a logit, as cross-encoders do: so what a teacher says of it is a
    distribution over the two ends, whose mean is the number, and all losses and rules are those of labels.
    """

    measured_with: ClassVar[tuple[str, ...]] = ("threshold",)
    notes: ClassVar[Mapping[str, Note]] = data.NOTES
    items: ClassVar[str] = "texts"
    request: ClassVar[type[BaseModel]] = TextRequest

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problem = problem_of(self)
        if problem is not None:
            raise ValueError(problem)
        return self

    @property
    def response(self) -> type[BaseModel]:
        """See Task."""
        return NumberResponse if self.problem_type == "regression" else LabelsResponse

    def request_fields(self) -> Mapping[str, bool]:
        """See Task: a second text where models have learnt pairs, or may have."""
        return {"text": True} if self.pairs is False else {"text": True, "text_pair": self.pairs is True}

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """See Task."""
        return METRICS[self.problem_type]

    @property
    def fields(self) -> tuple[Asked, ...]:
        """See Task."""
        return asked_fields(self)

    def check(self, recipe: "Sections") -> list[str]:
        """See Task."""
        from distil.framework.tasks.classification.settings import recipe_problems

        return recipe_problems(self, recipe)

    def rows(self, records: Iterable[Record], fields: Fields) -> Iterator[Text]:
        """See Task."""
        return data.read_rows(self, records, fields)

    def settle(self, rows: list[Text]) -> list[Text]:
        """See Task: labels that the recipe does not name are refused."""
        rows = data.without_minus_one(self, rows)
        data.check_labels(self, rows)
        return rows

    def example(self, row: Text, notebook: Notebook) -> Text | None:
        """See Task."""
        return data.usable(row, notebook)

    def record(self, example: Text) -> "Plain":
        """See Task."""
        return data.record_of(self, example)

    def label_names(self, example: Text) -> Sequence[str]:
        """See NamesLabels: its names of labels."""
        return example.labels

    def stand_in(self) -> "Plain":
        """See Task: messages of a few sentences."""
        return {"kind": "messages", "requests": 3 if self.problem_type == "multi_label" else 1}

    def fitted(self, splits: Mapping[str, Sequence[Text]]) -> Self:
        """See Task: with the labels, or the range, that occur, and whether texts come in pairs. Raises DataError for fewer than
        two labels, and where one split has pairs and another none."""
        decided: dict[str, object] = {}
        if self.pairs is None and (pairs := data.pairs_of(splits)) is not None:
            decided["pairs"] = pairs
        if self.labels is None and self.range is None:
            decided |= data.decided_by(self, [text for split in splits.values() for text in split])
        return self.decided(decided)

    def model_class(self) -> "Own":
        """See Task."""
        from transformers import AutoModelForSequenceClassification

        return AutoModelForSequenceClassification

    def head_fields(self) -> "Plain":
        """See Task. A number is a yes or no of its own, as one of several labels is."""
        if self.labels is None and self.range is None:  # before the data are read
            return {}
        classes = list(self._problem.classes)
        return {
            "id2label": dict(enumerate(classes)),
            "label2id": {label: number for number, label in enumerate(classes)},
            "problem_type": f"{'single' if self.problem_type == 'single_label' else 'multi'}_label_classification",
        }

    def features(
        self,
        examples: Sequence[Text],
        tokenizer: "PreTrainedTokenizerFast",
        windows: WindowSettings,
        progress: Progress = SILENT,
    ) -> "TokenRows":
        """See Task: a row for each text, or several for a long one."""
        from distil.framework.tasks.classification.features import text_features

        return text_features(examples, tokenizer, windows, self.long_texts, progress)

    def tokenized(
        self, examples: Sequence[Text], tokenizer: "PreTrainedTokenizerFast", windows: WindowSettings
    ) -> Iterator[str]:
        """See Task."""
        from distil.framework.tasks.classification.features import halved

        yield from (text for example in examples for text in example.texts)
        if self.long_texts == "pool":
            yield from halved([example.pair for example in examples if example.pair], tokenizer, windows.max_length)

    def logits(self, output: "Own") -> "Tensor":
        """See Task: [B, labels]."""
        logits: Tensor = output.logits
        return logits

    def translated(self, logits: "Logits", config: "Own", label_map: Mapping[str, str | None] | None) -> "Logits":
        """See Task."""
        from distil.framework.tasks.label_names import own_classes

        problem = self._problem
        if own_classes(config.id2label, problem.classes) and not label_map:
            return logits
        return problem.translated(logits, config.id2label, label_map)

    def training_items(
        self,
        examples: Sequence[Text],
        features: "Features",
        pad_id: int,
        signals: "SignalSource | None",
        temperatures: Sequence[float],
        eager: bool,
    ) -> "OutcomeItems":
        """See Task."""
        from distil.framework.training.outcome_items import outcome_items

        gold, weight = self._problem.targets(examples)
        return outcome_items(
            examples, features, pad_id, gold, weight, self._problem.outcomes, signals, temperatures, eager
        )

    def write_signals(self, examples: Sequence[Text], features: "Features", logits: "Logits") -> "Signals":
        """See Task: one head a text, or one a label."""
        from distil.framework.tasks.classification.signal import pooled

        return self._problem.write(pooled(features.example, len(examples), logits))

    def head_sizes(self, examples: Sequence[Text]) -> "Ints":
        """See Task."""
        import numpy as np

        problem = self._problem
        heads = len(problem.classes) if self.problem_type == "multi_label" else 1
        return np.full(len(examples) * heads, problem.outcomes)

    def gold_outcomes(self, examples: Sequence[Text]) -> "Ints":
        """See Task."""
        import numpy as np

        return np.repeat(self._problem.gold(examples)[:, None], 2, axis=1)

    def predict_from_signals(self, examples: Sequence[Text], signals: "Signals") -> "Plain":
        """See Task."""
        from distil.framework.tasks.classification.signal import probabilities

        return self._problem.predictions(examples, probabilities(signals, self._problem.outcomes, len(examples)))

    def score(self, examples: Sequence[Text], predictions: "Plain", resamples: int, seed: int) -> "Scores":
        """See Task."""
        return self._problem.scores(examples, predictions, resamples, seed)

    def asked(self, request: TextRequest) -> Text:
        """See Task. Raises DataError for one that is blank, or no pair where the data are pairs, or the other way round."""
        return asked(request, self.pairs)

    respond = staticmethod(respond)

    def answer_of(self, prediction: "Plain") -> Hashable:
        """See Task: the label, all labels given, or nearly the same number."""
        return self._problem.answer_of(prediction)

    def card(self, windows: WindowSettings, onnx: str | None, language: str) -> "CardParts":
        """See Task."""
        from distil.framework.tasks.classification.usage import EXAMPLES, card_parts

        texts = EXAMPLES[language][: 1 + bool(self.pairs)]
        pooled = self.long_texts == "pool"
        return card_parts(self.problem_type, self._problem.classes, windows.max_length, onnx, texts, pooled=pooled)

    def generative_objective(
        self,
        teacher: "GenerativeSection",
        windows: WindowSettings,
        examples: Sequence[Text],
        tokenizer: "PreTrainedTokenizerFast",
        progress: Progress,
    ) -> "Objective":
        """See Task: to write the word that stands for the label."""
        from distil.framework.tasks.classification.verbalised import label_generation

        return label_generation(examples, self._problem.classes, self.verbaliser, teacher, windows, tokenizer)

    def generative_predictor(
        self, teacher: "GenerativeSection", folder: "Path", inference: "InferenceConfig"
    ) -> "Predictor":
        """See Task: by the likelihood of the words that stand for the labels."""
        from distil.framework.tasks.classification.verbalised import label_predictor

        return label_predictor(folder, inference, teacher, self._problem.classes, self.verbaliser)

    def chat(self) -> "ChatTask[Text, NDArray[np.float64]]":
        """See Task: votes, or likelihoods of labels."""
        from distil.framework.tasks.classification.chat import LabelChat, LabelsChat, NumberChat
        from distil.framework.tasks.classification.verbalised import words_of

        if self.problem_type == "regression":
            assert self.range is not None
            return NumberChat(self.range[0], self.range[1])
        words = words_of(self._problem.classes, self.verbaliser)
        labels = self._problem.classes
        return LabelChat(labels, words) if self.problem_type == "single_label" else LabelsChat(labels, words)

    @property
    def _problem(self) -> "Problem":
        from distil.framework.tasks.classification.problems import problem_for

        return problem_for(self)
