"""Texts that a model writes: what follows a prompt, learnt from completions and from what teachers think of them, whatever their
tokenizers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import BaseModel

from distil.framework.data.example import Note, Notebook
from distil.framework.data.features import WindowSettings
from distil.framework.data.records import Asked, Fields, Record
from distil.framework.progress import SILENT, Progress
from distil.framework.tasks.text import data, requests, units
from distil.framework.tasks.text.example import Written
from distil.framework.tasks.text.metrics import answer_of
from distil.framework.tasks.text.settings import TextSettings

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor
    from transformers import PreTrainedTokenizerFast

    from distil.framework.models.formats import WeightFormat
    from distil.framework.segments import Ints
    from distil.framework.signals.algebra import Signals
    from distil.framework.signals.source import SignalSource
    from distil.framework.tasks.base import InferenceConfig, Logits, Own, Plain, Predictor
    from distil.framework.tasks.reports import CardParts, Scores
    from distil.framework.tasks.sections import ChatSection, GenerativeSection, Sections
    from distil.framework.tasks.text.features import TextRows
    from distil.framework.tasks.text.items import TextItems
    from distil.framework.training.objective import Objective


class Text(TextSettings):
    """Decoders and encoder-decoders, of which every token that they write says what follows it."""

    fields: ClassVar[tuple[Asked, ...]] = data.FIELDS
    items: ClassVar[str] = "texts"
    loss_rows: ClassVar[tuple[str, ...]] = ("units", "tokens")
    writes: ClassVar[bool] = True
    signals_version: ClassVar[int] = units.VERSION
    notes: ClassVar[Mapping[str, Note]] = data.NOTES
    request: ClassVar[type[BaseModel]] = requests.PromptRequest
    response: ClassVar[type[BaseModel]] = requests.TextResponse

    def check(self, recipe: "Sections") -> list[str]:
        """See Task."""
        from distil.framework.tasks.text.checks import problems_of

        return problems_of(recipe)

    def rows(self, records: Iterable[Record], fields: Fields) -> Iterator[Written]:
        """See Task."""
        return data.read_rows(records, fields)

    def example(self, row: Written, notebook: Notebook) -> Written | None:
        """See Task."""
        return data.usable(row, notebook)

    def prompt_rows(self, records: Iterable[Record], fields: Fields) -> Iterator[Written]:
        """See Task."""
        return data.read_prompts(records, fields)

    def prompt_of(self, row: Written, notebook: Notebook) -> Written | None:
        """See Task."""
        return data.prompt_of(row, notebook)

    def record(self, example: Written) -> "Plain":
        """See Task."""
        return data.record_of(example)

    def stand_in(self) -> "Plain":
        """See Task."""
        return {"kind": "instructions"}

    def fitted(self, splits: Mapping[str, Sequence[Written]]) -> Self:
        """See Task: where all data are conversations, a prompt is what a user says."""
        if self.as_chat is not None:
            return self
        examples = [example for split in splits.values() for example in split]
        return self.decided({"as_chat": bool(examples) and all(example.messages for example in examples)})

    def model_class(self) -> "Own":
        """See Task."""
        from distil.framework.tasks.text.models import AutoModelForTexts

        return AutoModelForTexts

    def head_fields(self) -> "Plain":
        """See Task: a model that writes has its head already."""
        return {}

    def check_config(self, config: "Own", as_it_is: bool) -> None:
        """See Task: models that write from left to right. Raises ModelError for others."""
        from distil.framework.tasks.text.checks import check_decodes

        check_decodes(config)

    def generative_kind(self, config: "Own") -> "Text":
        """See Task: a teacher is a model like the students."""
        return self

    def features(
        self,
        examples: Sequence[Written],
        tokenizer: "PreTrainedTokenizerFast",
        windows: WindowSettings,
        progress: Progress = SILENT,
    ) -> "TextRows":
        """See Task: a row for each text."""
        from distil.framework.tasks.text.reading import text_reader

        return text_reader(tokenizer, self.wording, windows.max_length).read_split(examples, progress)

    def logits(self, output: "Own") -> "Tensor":
        """See Task: [B, vocabulary, tokens]."""
        logits: Tensor = output.logits.transpose(1, 2)
        return logits

    def training_items(
        self,
        examples: Sequence[Written],
        features: "TextRows",
        pad_id: int,
        signals: "SignalSource | None",
        temperatures: Sequence[float],
        eager: bool,
    ) -> "TextItems":
        """See Task."""
        from distil.framework.tasks.text.items import text_items

        return text_items(examples, features, pad_id, signals, temperatures, eager)

    def predictor(
        self,
        folder: "Path",
        inference: "InferenceConfig",
        label_map: Mapping[str, str | None] | None = None,
        weights: "WeightFormat | None" = None,
    ) -> "Predictor":
        """See Task: logits stay on the device."""
        from distil.framework.tasks.text.predictor import text_predictor

        return text_predictor(folder, inference, self, label_map, weights)

    def write_signals(self, examples: Sequence[Written], features: "TextRows", logits: "Logits") -> "Signals":
        """See Task: of every boundary a head of first bytes and one of the unit there."""
        from distil.framework.tasks.text.signal import signals_of_logits

        return signals_of_logits(features, logits)

    def head_sizes(self, examples: Sequence[Written]) -> "Ints":
        """See Task: first bytes of all boundaries of an example, then units."""
        from distil.framework.tasks.text.signal import head_sizes

        return head_sizes(examples)

    def head_bytes(self, examples: Sequence[Written]) -> "Ints":
        """See Task: of every unit."""
        from distil.framework.tasks.text.signal import head_bytes

        return head_bytes(examples)

    def gold_outcomes(self, examples: Sequence[Written]) -> "Ints":
        """See Task: the bytes that stand there. Of a unit both outcomes count, as only that it stands there is known."""
        from distil.framework.tasks.text.signal import gold_outcomes

        return gold_outcomes(examples)

    def weighed_as(self, examples: Sequence[Written], signals: "Signals") -> "Ints | None":
        """See Task: heads of tokens."""
        from distil.framework.tasks.text.signal import weighed_as

        return weighed_as(examples, signals)

    def predict_from_signals(self, examples: Sequence[Written], signals: "Signals") -> "Plain":
        """See Task: bits of the units of which anything is said; nothing is written."""
        from distil.framework.signals.further import of_task
        from distil.framework.tasks.text.signal import predictions

        return predictions(examples, of_task(self, examples, signals))

    def soft_labels(self, examples: Sequence[Written], signals: "Signals") -> "list[Plain]":
        """See Task: the bits that teachers would give the completions, and the bytes of these."""
        found = self.predict_from_signals(examples, signals)
        return [{"bits": found[example.id]["bits"], "bytes": found[example.id]["bytes"]} for example in examples]

    def score(
        self, examples: Sequence[Written], predictions: "Mapping[str, Own]", resamples: int, seed: int
    ) -> "Scores":
        """See Task."""
        from distil.framework.tasks.text.metrics import scores

        return scores(examples, dict(predictions), self.measures, resamples, seed)

    asked = staticmethod(requests.asked)
    respond = staticmethod(requests.respond)

    answer_of = staticmethod(answer_of)

    def card(self, windows: WindowSettings, onnx: str | None, language: str) -> "CardParts":
        """See Task."""
        from distil.framework.tasks.text.usage import card_parts

        return card_parts(self, windows.max_length, onnx, language)

    def generative_objective(
        self,
        teacher: "GenerativeSection",
        windows: WindowSettings,
        examples: Sequence[Written],
        tokenizer: "PreTrainedTokenizerFast",
        progress: Progress,
    ) -> "Objective":
        """See Task: to write the completions, as a student learns them."""
        features = self.features(examples, tokenizer, windows, progress)
        return self.objective_of(examples, features, int(tokenizer.pad_token_id))

    def objective_of(self, examples: Sequence[Written], features: "TextRows", pad_id: int) -> "Objective":
        """To write the completions of some rows."""
        from distil.framework.losses.logits import HardLabel
        from distil.framework.training.distillation import Distillation

        items = self.training_items(examples, features, pad_id, None, (), eager=True)
        return Distillation(self, items, {"hard_label": HardLabel()}, seed=0)

    def chat_objective(
        self,
        teacher: "ChatSection",
        windows: WindowSettings,
        examples: Sequence[Written],
        tokenizer: "PreTrainedTokenizerFast",
        progress: Progress,
    ) -> "Objective":
        """See Task: to write the completions, as what is said to a user."""
        from distil.framework.tasks.text.spoken import spoken_objective

        return spoken_objective(self, teacher, windows, examples, tokenizer, progress)

    def chat_predictor(self, teacher: "ChatSection", folder: "Path", inference: "InferenceConfig") -> "Predictor":
        """See Task: one that is here is a model like the students, to which prompts are what a user says."""
        from distil.framework.tasks.text.spoken import spoken_predictor

        return spoken_predictor(self, teacher, folder, inference)

    def generative_predictor(
        self, teacher: "GenerativeSection", folder: "Path", inference: "InferenceConfig"
    ) -> "Predictor":
        """See Task."""
        return self.predictor(folder, inference)
