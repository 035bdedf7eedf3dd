"""What a task is to the rest of distil: what its data are, how text becomes tokens, and what a model's logits mean."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from distil.framework.data.batches import CPU_TOKENS, GPU_TOKENS, BatchLimit
from distil.framework.data.example import Note, Notebook
from distil.framework.data.features import Features, WindowSettings
from distil.framework.data.records import Asked, Fields, Formats, Record
from distil.framework.ensembles.base import Unfolding
from distil.framework.metrics import Metric
from distil.framework.models.formats import WeightFormat
from distil.framework.models.kind import ModelKind
from distil.framework.progress import SILENT, Progress
from distil.framework.segments import Ints
from distil.framework.signals.algebra import Signals
from distil.framework.signals.further import TaskHeads
from distil.framework.signals.source import SignalSource, TeacherSignals
from distil.framework.storage import Storage
from distil.framework.tasks.prompting import Prompting
from distil.framework.tasks.reports import CardParts, Scores
from distil.framework.tasks.sections import ChatSection, GenerativeSection, Sections
from distil.framework.training.items import Items

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from transformers import PreTrainedTokenizerFast

    from distil.framework.chat.shots import Pool
    from distil.framework.chat.task import ChatTask
    from distil.framework.training.objective import Objective

# The task's own, and the models' it takes: nobody else looks into these further than the protocols Example and Features say.
Own = Any
Examples = Sequence[Own]
Plain = dict[str, Any]  # as JSON
Logits = Sequence[NDArray[np.float32]]  # of every row: [K, tokens], or [K] of the row as a whole


@dataclass(frozen=True)
class InferenceConfig:
    """How a model reads: the task, the windows, and how it is run.

    batch_size: windows a forward pass at most, None: as many as there is room for; precision: fp32, bf16 or fp16; one_by_one:
    one question is asked at a time, so that batches need not be filled up on a GPU; batch_tokens: of a forward pass at
    most, what fills windows up included, "auto": as is quick on the device; answers: the folder in which answers of language models
    are kept, None: nowhere; storage: where they are kept as well, for other machines; pool: what a language model may be shown before it is
    asked; next_tokens: how many likeliest ones its signals name at each token, 0: they say nothing of tokens.
    """

    task: "Task"
    windows: WindowSettings
    batch_size: int | None
    precision: str
    one_by_one: bool = False
    batch_tokens: int | Literal["auto"] = "auto"
    answers: Path | None = None
    storage: Storage | None = None
    pool: "Pool | None" = None
    next_tokens: int = 0

    def limit(self, device: "torch.device") -> BatchLimit:
        """What goes through a model on `device` at once."""
        gpu = device.type != "cpu"
        tokens = (GPU_TOKENS if gpu else CPU_TOKENS) if self.batch_tokens == "auto" else self.batch_tokens
        return BatchLimit(tokens, self.batch_size, gpu)


class Predictor(Protocol):
    """A loaded model. What it says about a question does not depend on what else it is asked at the same time."""

    @property
    def parameters(self) -> int:
        """Parameters of the model, shared ones once."""

    def predict(self, examples: Examples, progress: Progress = SILENT, title: str = "predict") -> dict[str, Any]:
        """Predictions by example id, as predictions.json holds them. A text that the context lacks lies at -1:-1."""

    def signals(self, examples: Examples, proposals: Sequence[Signals] = ()) -> Signals:
        """The model's output distributions on each example. proposals: other teachers' signals about the same examples."""


class Task(Prompting, TaskHeads[Own], Protocol):
    """A task. Its model gives logits for H heads over the tokens of a window."""

    kind: Own

    @property
    def loss_rows(self) -> Sequence[str]:
        """Names of the rows that it has for losses of their own, see OnItsOwnRows."""

    @property
    def writes(self) -> bool:
        """Whether its models write texts, so that a tokenizer must lose nothing."""

    @property
    def signals_version(self) -> int:
        """A number that it raises when the heads or outcomes of its signals come to mean something else."""

    @property
    def metrics(self) -> Sequence[Metric]:
        """What its models are measured by, in the order of tables; at least one. `score` gives them all."""

    @property
    def variants(self) -> Sequence[str]:
        """Names under which `score` gives the same metrics again, such as another normalisation."""

    @property
    def items(self) -> str:
        """What its examples are called, in the plural."""

    @property
    def fields(self) -> tuple[Asked, ...]:
        """What it asks a record for."""

    @property
    def formats(self) -> Formats:
        """Its own text formats, beside those that every task reads."""

    @property
    def notes(self) -> Mapping[str, Note]:
        """What it may do to rows before they become examples, by kind."""

    @property
    def measured_with(self) -> tuple[str, ...]:
        """Names of its settings that concern predictions and scores alone; others may decide about training and signals."""

    @property
    def packages(self) -> Mapping[str, tuple[str, ...]]:
        """Optional packages that its settings take, by what takes them."""

    @property
    def request(self) -> type[BaseModel]:
        """What a model is asked one at a time: flat, each field with a description and an example; `most`: characters of a
        text, by field, that a server takes."""

    def request_fields(self) -> Mapping[str, bool]:
        """The fields of a request that its models take, and whether each has to be there."""

    @property
    def response(self) -> type[BaseModel]:
        """What it answers."""

    def asked(self, request: Own) -> Own:
        """A request as an example. Raises DataError for a text that is blank."""

    def respond(self, prediction: Own) -> BaseModel:
        """The response of one of `predict`'s values."""

    def answer_of(self, prediction: Own) -> Own:
        """What two predictions have to have in common to be the same answer."""

    def compared(self, features: Own, logits: Logits) -> list[NDArray[np.float32]]:
        """The logits whose difference between two forms of a model counts, of each row."""

    def generative_objective(
        self,
        teacher: GenerativeSection,
        windows: WindowSettings,
        examples: Examples,
        tokenizer: "PreTrainedTokenizerFast",
        progress: Progress,
    ) -> "Objective":
        """What a generative model is fine-tuned towards. A task without generative teachers refuses them in `check`."""

    def generative_predictor(self, teacher: GenerativeSection, folder: Path, inference: InferenceConfig) -> Predictor:
        """The generative model in `folder`, as a teacher of this task. Raises ModelError."""

    def chat_objective(
        self, teacher: ChatSection, windows: WindowSettings, examples: Examples, tokenizer: Own, progress: Progress
    ) -> "Objective":
        """What a chat model that is here is fine-tuned towards."""

    def chat_predictor(self, teacher: ChatSection, folder: Path, inference: InferenceConfig) -> Predictor:
        """A chat model, in `folder` or behind a server, as a teacher of this task. Raises ModelError."""

    def chat(self) -> "ChatTask[Own, Own]":
        """What is said to language models, and read from their answers. A task without chat teachers refuses them in `check`."""

    def card(self, windows: WindowSettings, onnx: str | None, language: str) -> CardParts:
        """Its parts of a model card. windows: of the model; onnx: an ONNX file beside it, if there is one; language: in which it is
        asked there, `en` or `ru`."""

    def model_dump(self, *, mode: str = "python") -> Plain:
        """Its settings as plain data (pydantic gives it)."""

    def check(self, recipe: Sections) -> list[str]:
        """What is wrong with a recipe of this task, in words: options of other sections that it would ignore, say."""

    def rows(self, records: Iterable[Record], fields: Fields) -> Iterator[Own]:
        """Rows, of its own kind, of a split's records, which may hold several. Raises DataError, which names the place."""

    def settle(self, rows: list[Own]) -> list[Own]:
        """The rows of a whole split, with what only all of them tell: those of one example joined, say."""

    def example(self, row: Own, notebook: Notebook) -> Own:
        """The example of a row, or None; `notebook` takes what was done to it. Raises DataError, which names the place."""

    def record(self, example: Own) -> Plain:
        """An example as a record's values, under the task's own names."""

    def stand_in(self) -> Plain:
        """A source of generated examples about as long as real ones, as a recipe has it, without `examples`."""

    def fitted(self, data: Mapping[str, Examples]) -> Self:
        """The task with what the examples of the recipe's splits decide, such as label names that it leaves out. Those that are learnt
        without their labels alone come without them."""

    def model_class(self) -> Own:
        """The transformers Auto class of its models."""

    def head_fields(self) -> Plain:
        """Fields of the configuration of a new head: id2label, say."""

    def check_config(self, config: Own, as_it_is: bool) -> None:
        """Refuse the configuration of a model that cannot be one of the task, or be taken as it is. Raises ModelError."""

    def check_model(self, model: Own) -> None:
        """Refuse a model whose weights are sound and whose answers are no numbers. Raises ModelError."""

    def features(
        self,
        examples: Examples,
        tokenizer: "PreTrainedTokenizerFast",
        windows: WindowSettings,
        progress: Progress = SILENT,
    ) -> Features:
        """What a model reads of the examples: at least a row of tokens each, in their order. Raises ModelError."""

    def generative_kind(self, config: Own) -> ModelKind:
        """Which models its generative teachers are, by the configuration of one. Raises ModelError for a model that does not write."""

    def predictor(
        self,
        folder: Path,
        inference: InferenceConfig,
        label_map: Mapping[str, str | None] | None = None,
        weights: WeightFormat | None = None,
    ) -> Predictor:
        """Its model in `folder`, a student or a teacher with the task's head. label_map: see `translated`; weights: in which format they
        are held, None: in that in which they are saved. Raises ModelError."""

    def tokenized(
        self, examples: Examples, tokenizer: "PreTrainedTokenizerFast", windows: WindowSettings
    ) -> Iterable[str]:
        """Every text that `features` may give to the tokenizer."""

    def logits(self, output: Own) -> "Tensor":
        """Logits from a model's output: [B, K, L] at each token, or [B, K] of each row as a whole."""

    def translated(self, logits: Logits, config: Any, label_map: Mapping[str, str | None] | None) -> Logits:
        """Logits of a model of this configuration, whose classes may have other names or another order, as those of a model
        of the task's own labels. Raises ModelError for classes of which nobody says what they mean."""

    def training_items(
        self,
        examples: Examples,
        features: Own,
        pad_id: int,
        signals: SignalSource | None,
        temperatures: Sequence[float],
        eager: bool,
    ) -> Items:
        """Features with labels and signals at each temperature: `eager`: they are read now, else when needed."""

    def moved_mass(self, examples: Examples, features: Own, teacher: TeacherSignals) -> float:
        """The share of a teacher's mass (T = 1) that no token covers and that moves to the nearest."""

    def write_signals(self, examples: Examples, features: Own, logits: Logits) -> Signals:
        """A signal for each example."""

    def head_sizes(self, examples: Examples) -> Ints:
        """How many outcomes each head of the signals about the examples has. [H]"""

    def gold_outcomes(self, examples: Examples) -> Ints:
        """Of labelled examples the first and the last outcome of each head that count as gold; a single one: twice. [H, 2]"""

    def unfolding(self, signals: Signals) -> Unfolding | None:
        """In which order the heads of signals show what is the case, as a text's do; None if they do in none."""

    def predict_from_signals(self, examples: Examples, signals: Signals) -> Plain:
        """Predictions by example id, as `predict` gives them, from what teachers think."""

    def soft_labels(self, examples: Examples, signals: Signals) -> list[Plain]:
        """What signals say of each example, in order, for use elsewhere: what is likeliest, and how probable all that may be is."""

    def predict(self, examples: Examples, features: Own, logits: Logits) -> Plain:
        """Predictions by example id, as plain data."""

    def score(self, examples: Examples, predictions: Mapping[str, Own], resamples: int, seed: int) -> Scores:
        """Measure predictions against the labelled examples."""
