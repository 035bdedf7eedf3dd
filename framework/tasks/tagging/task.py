"""Tagging: a tag for each word of a text, such as named entities or parts of speech."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, Field, field_validator

from distil.framework.data.example import Note, Notebook
from distil.framework.data.features import WindowSettings
from distil.framework.data.records import Asked, Fields, Formats, Record
from distil.framework.errors import ModelError
from distil.framework.metrics import Metric
from distil.framework.progress import SILENT, Progress
from distil.framework.tasks.defaults import TaskSection
from distil.framework.tasks.spelling import spelt_twice
from distil.framework.tasks.tagging import data
from distil.framework.tasks.tagging.example import Tagged
from distil.framework.tasks.tagging.metrics import ENTITY_METRICS, TAG_METRICS
from distil.framework.tasks.tagging.records import read_conll, read_conllu
from distil.framework.tasks.tagging.tags import OUTSIDE, Scheme, TagSet, tag_set
from distil.framework.tasks.tagging.usage import EntitiesResponse, TaggedRequest, TagsResponse, asked, respond

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor
    from transformers import PreTrainedTokenizerFast

    from distil.framework.chat.task import ChatTask
    from distil.framework.segments import Ints
    from distil.framework.signals.algebra import Signals
    from distil.framework.signals.source import SignalSource
    from distil.framework.tasks.base import InferenceConfig, Logits, Own, Plain, Predictor
    from distil.framework.tasks.reports import CardParts, Scores
    from distil.framework.tasks.sections import GenerativeSection, Sections
    from distil.framework.tasks.tagging.entity_lists import Read
    from distil.framework.tasks.tagging.features import UnitRows
    from distil.framework.tasks.tagging.items import UnitItems
    from distil.framework.training.objective import Objective


class Tagging(TaskSection):
    """A class for each tag, at the first token of every word."""

    kind: Literal["tagging"] = "tagging"
    labels: Annotated[list[Annotated[str, Field(min_length=1, max_length=1000)]], Field(min_length=2)] | None = Field(
        default=None,
        description="Names of the tags in their order, by which numbers in the data are read that their file does not name. Default: those of the "
        "data, sorted.",
    )
    scheme: Scheme = Field(
        default="auto",
        description="How the data's tags write entities: bio, iob1, iobes (or BILOU); none: tags are no entities' (parts of speech). "
        "auto: as all tags of a split tell.",
    )

    formats: ClassVar[Formats] = {
        **dict.fromkeys((".conll", ".txt", ".bio", ".iob"), read_conll),
        **dict.fromkeys((".conllu", ".conllup"), read_conllu),
    }
    fields: ClassVar[tuple[Asked, ...]] = data.FIELDS
    notes: ClassVar[Mapping[str, Note]] = data.NOTES
    items: ClassVar[str] = "texts"
    request: ClassVar[type[BaseModel]] = TaggedRequest

    @field_validator("labels")
    @classmethod
    def _once_each(cls, labels: list[str] | None) -> list[str] | None:
        twice = next((label for label in labels or () if (labels or []).count(label) > 1), None)
        if twice is not None:
            raise ValueError(f"'{twice}' is named twice")
        if said := spelt_twice(labels or ()):
            raise ValueError(said)
        return labels

    @property
    def tag_set(self) -> TagSet:
        """The tags that its models give. Raises ModelError for a task that does not say which there are."""
        if self.labels is None:
            raise ModelError("the task does not say which tags there are; name them in task.labels")
        return tag_set(tuple(self.labels), self.scheme)

    @property
    def of_entities(self) -> bool:
        """Whether its tags are those of entities, as they are taken to be before the data are read."""
        return self.scheme != "none" if self.labels is None else self.tag_set.entities

    @property
    def response(self) -> type[BaseModel]:
        """See Task."""
        return EntitiesResponse if self.of_entities else TagsResponse

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """See Task."""
        return ENTITY_METRICS if self.of_entities else TAG_METRICS

    def check(self, recipe: "Sections") -> list[str]:
        """See Task."""
        from distil.framework.tasks.tagging.checks import problems_of

        return problems_of(self, recipe)

    def rows(self, records: Iterable[Record], fields: Fields) -> Iterator[Tagged]:
        """See Task."""
        return data.read_rows(self, records, fields)

    def settle(self, rows: list[Tagged]) -> list[Tagged]:
        """See Task: entities in BIO, whatever scheme the split is in; tags that the recipe does not name are refused."""
        return data.settled(self, rows)

    def example(self, row: Tagged, notebook: Notebook) -> Tagged | None:
        """See Task."""
        return data.usable(row, notebook)

    def record(self, example: Tagged) -> "Plain":
        """See Task."""
        return data.record_of(example)

    def label_names(self, example: Tagged) -> Sequence[str]:
        """See NamesLabels: its tags but O."""
        return sorted({*(example.tags or ())} - {OUTSIDE})

    def stand_in(self) -> "Plain":
        """See Task."""
        return {"kind": "news"}

    def fitted(self, splits: Mapping[str, Sequence[Tagged]]) -> Self:
        """See Task: with the tags that occur. Raises DataError for fewer than two."""
        if self.labels is not None:
            return self
        return self.decided(data.decided_by(self, [example for split in splits.values() for example in split]))

    def model_class(self) -> "Own":
        """See Task."""
        from transformers import AutoModelForTokenClassification

        return AutoModelForTokenClassification

    def head_fields(self) -> "Plain":
        """See Task."""
        if self.labels is None:  # before the data are read
            return {}
        names = self.tag_set.names
        return {"id2label": dict(enumerate(names)), "label2id": {name: number for number, name in enumerate(names)}}

    def features(
        self,
        examples: Sequence[Tagged],
        tokenizer: "PreTrainedTokenizerFast",
        windows: WindowSettings,
        progress: Progress = SILENT,
    ) -> "UnitRows":
        """See Task: a row for each text, or several for a long one."""
        from distil.framework.tasks.tagging.features import unit_features

        return unit_features(examples, tokenizer, windows, progress)

    def logits(self, output: "Own") -> "Tensor":
        """See Task: [B, tags, tokens]."""
        logits: Tensor = output.logits.transpose(1, 2)
        return logits

    def translated(self, logits: "Logits", config: "Own", label_map: Mapping[str, str | None] | None) -> "Logits":
        """See Task: a map may name types of entities instead of tags."""
        from distil.framework.tasks.tagging.signal import translated_tags

        return translated_tags(logits, config.id2label, self.tag_set, label_map)

    def training_items(
        self,
        examples: Sequence[Tagged],
        features: "UnitRows",
        pad_id: int,
        signals: "SignalSource | None",
        temperatures: Sequence[float],
        eager: bool,
    ) -> "UnitItems":
        """See Task."""
        from distil.framework.tasks.tagging.items import unit_items
        from distil.framework.tasks.tagging.signal import gold_numbers

        tags = self.tag_set
        gold = gold_numbers(examples, tags)
        return unit_items(examples, features, pad_id, gold, len(tags.names), signals, temperatures, eager)

    def write_signals(self, examples: Sequence[Tagged], features: "UnitRows", logits: "Logits") -> "Signals":
        """See Task: one head a unit."""
        from distil.framework.tasks.tagging.signal import write_units

        return write_units(features, logits, self.tag_set)

    def head_sizes(self, examples: Sequence[Tagged]) -> "Ints":
        """See Task: each tag, of every unit."""
        import numpy as np

        return np.full(sum(len(example.units) for example in examples), len(self.tag_set.names))

    def gold_outcomes(self, examples: Sequence[Tagged]) -> "Ints":
        """See Task."""
        import numpy as np

        from distil.framework.tasks.tagging.signal import gold_numbers

        return np.repeat(gold_numbers(examples, self.tag_set)[:, None], 2, axis=1)

    def predict_from_signals(self, examples: Sequence[Tagged], signals: "Signals") -> "Plain":
        """See Task."""
        from distil.framework.signals.algebra import to_dense
        from distil.framework.tasks.tagging.metrics import predictions

        tags = self.tag_set
        return predictions(examples, to_dense(signals, len(tags.names)), signals.heads, tags)

    def soft_labels(self, examples: Sequence[Tagged], signals: "Signals") -> "list[Plain]":
        """See Task: entities, and of every unit how probable each tag is."""
        from distil.framework.signals.algebra import to_dense
        from distil.framework.tasks.tagging.metrics import soft_labels

        tags = self.tag_set
        return soft_labels(examples, to_dense(signals, len(tags.names)), signals.heads, tags)

    def score(self, examples: Sequence[Tagged], predictions: "Plain", resamples: int, seed: int) -> "Scores":
        """See Task."""
        from distil.framework.tasks.tagging.metrics import scores

        return scores(examples, predictions, self.tag_set, resamples, seed)

    asked = staticmethod(asked)
    respond = staticmethod(respond)

    def answer_of(self, prediction: "Plain") -> Hashable:
        """See Task: the tags of all words."""
        return tuple(prediction["tags"])

    def compared(self, features: "UnitRows", logits: "Logits") -> "list[NDArray[np.float32]]":
        """See Task: the logits of the tokens at which units are read."""
        return [found[:, features.place[features.row == row]] for row, found in enumerate(logits)]

    def generative_objective(
        self,
        teacher: "GenerativeSection",
        windows: WindowSettings,
        examples: Sequence[Tagged],
        tokenizer: "PreTrainedTokenizerFast",
        progress: Progress,
    ) -> "Objective":
        """See Task: to write the entities of a text."""
        from distil.framework.tasks.tagging.generative import list_generation

        return list_generation(examples, self.tag_set, teacher, windows, tokenizer)

    def generative_predictor(
        self, teacher: "GenerativeSection", folder: "Path", inference: "InferenceConfig"
    ) -> "Predictor":
        """See Task: by the lists of entities that it finds likely."""
        from distil.framework.tasks.tagging.generative import entity_predictor

        return entity_predictor(folder, inference, teacher, self.tag_set)

    def chat(self) -> "ChatTask[Tagged, Read]":
        """See Task: votes of lists of entities."""
        from distil.framework.tasks.tagging.chat import entity_chat

        return entity_chat(self.tag_set)

    def card(self, windows: WindowSettings, onnx: str | None, language: str) -> "CardParts":
        """See Task."""
        from distil.framework.tasks.tagging.usage import card_parts

        return card_parts(self.tag_set, windows.max_length, onnx, language)
