"""What most tasks say alike: a section that a task builds on, and puts other methods in the place of where it differs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import ValidationError

from distil.framework.config import Section
from distil.framework.data.example import Note, Notebook
from distil.framework.data.features import WindowSettings
from distil.framework.data.records import Asked, Fields, Formats, Record
from distil.framework.errors import DataError, ModelError, RecipeError
from distil.framework.metrics import Metric, metrics_in_words
from distil.framework.models.formats import WeightFormat
from distil.framework.models.kind import ModelKind
from distil.framework.tasks.base import InferenceConfig, Logits, Own, Plain, Predictor
from distil.framework.tasks.reports import CardParts
from distil.framework.tasks.sections import ChatSection, GenerativeSection, Sections, refused

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from transformers import PreTrainedTokenizerFast

    from distil.framework.chat.task import ChatTask
    from distil.framework.ensembles.base import Unfolding
    from distil.framework.segments import Ints
    from distil.framework.signals.algebra import Signals
    from distil.framework.signals.source import TeacherSignals
    from distil.framework.training.objective import Objective


# What `distil answer` and servers ask besides, and what servers answer besides.
_TAKEN = {"request": {"model", "source", "help"}, "response": {"model", "milliseconds"}}
# What stands beside a model's metrics in results.json and in MLflow.
_BESIDE_METRICS = {
    *("split", "examples", "computed_in", "unlocated", "unread"),
    *("parameters", "training", "weights", "usage", "round"),
}


class TaskSection(Section):
    """What a task is (see Task) where it does not say otherwise.

    An example is a row as it stands, the recipe's settings say all, a model has a new head of one output, outcomes are the same
    for every tokenizer, and teachers that write are refused.
    """

    kind: str
    measured_with: ClassVar[tuple[str, ...]] = ()
    formats: ClassVar[Formats] = {}
    notes: ClassVar[Mapping[str, Note]] = {}
    variants: ClassVar[tuple[str, ...]] = ()
    items: ClassVar[str] = "examples"
    loss_rows: ClassVar[tuple[str, ...]] = ()
    writes: ClassVar[bool] = False
    signals_version: ClassVar[int] = 1

    @property
    def packages(self) -> Mapping[str, tuple[str, ...]]:
        """See Task: none."""
        return {}

    def check(self, recipe: Sections) -> list[str]:
        """See Task: teachers that write are refused, and names in requests, responses and metrics that distil uses itself."""
        return [*refused(["generative", "chat"], self.kind, recipe), *self._taken_names()]

    def _taken_names(self) -> Iterator[str]:
        for called, names in _TAKEN.items():
            for name in sorted(names & getattr(self, called).model_fields.keys()):
                yield f"task: the {called} of {self.kind} has a field `{name}`, which distil adds itself: give it another name"
        metrics: Sequence[Metric] = self.metrics  # type: ignore[attr-defined]
        for name in [*(metric.name for metric in metrics), *self.variants]:
            if name in _BESIDE_METRICS or name.startswith("latency_") or name.endswith("_interval"):
                yield f"task: {self.kind} has a metric or variant `{name}`, as something else is called beside it: give it another name"

    def request_fields(self) -> Mapping[str, bool]:
        """See Task: all."""
        asked = self.request.model_fields  # type: ignore[attr-defined]
        return {name: field.is_required() for name, field in asked.items()}

    def settle(self, rows: list[Own]) -> list[Own]:
        """See Task."""
        return rows

    def fitted(self, data: Mapping[str, Sequence[Own]]) -> Self:
        """See Task."""
        return self

    def decided(self, values: Mapping[str, object]) -> Self:
        """The settings with those that the data decide. Raises DataError where these are not legal."""
        try:
            return type(self).model_validate({**self.model_dump(), **values}) if values else self
        except ValidationError as error:
            problem = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise DataError(f"task: {problem}, by the data") from None

    def example(self, row: Own, notebook: Notebook) -> Own:
        """See Task."""
        return row

    def prompt_rows(self, records: Iterable[Record], fields: Fields) -> Iterator[Own]:
        """See Task. Raises DataError, as models of this task write nothing."""
        raise DataError(f"models of the task {self.kind} write nothing, so that it has no prompts")

    def prompt_of(self, row: Own, notebook: Notebook) -> Own:
        """See Task. Raises DataError, as models of this task write nothing."""
        raise DataError(f"models of the task {self.kind} write nothing, so that it has no prompts")

    def record(self, example: Own) -> Plain:
        """See Task: what the example calls as `fields` do."""
        asked: Sequence[Asked] = self.fields  # type: ignore[attr-defined]
        return {one.name: getattr(example, one.name) for one in asked}

    def stand_in(self) -> Plain:
        """See Task. Raises RecipeError, as nothing generates examples of this task."""
        raise RecipeError(f"there is no data to try the task {self.kind} on: name files as data.source, which are read")

    def head_fields(self) -> Plain:
        """See Task: one output."""
        return {"num_labels": 1}

    def check_config(self, config: Own, as_it_is: bool) -> None:
        """See Task; every configuration can have a new head."""

    def check_model(self, model: Own) -> None:
        """See Task."""
        from distil.framework.models.probe import check_answers

        check_answers(self, model)  # type: ignore[arg-type]

    def generative_kind(self, config: Own) -> ModelKind:
        """See Task: encoder-decoders and decoders, which put what they think into words."""
        from distil.framework.models.kind import generator_of

        return generator_of(config)

    def predictor(
        self,
        folder: Path,
        inference: InferenceConfig,
        label_map: Mapping[str, str | None] | None = None,
        weights: WeightFormat | None = None,
    ) -> Predictor:
        """See Task: by its logits, which go to the host."""
        from distil.framework.predictors.logits import logits_predictor

        return logits_predictor(folder, inference, label_map, weights)

    def tokenized(
        self, examples: Sequence[Own], tokenizer: "PreTrainedTokenizerFast", windows: WindowSettings
    ) -> Iterable[str]:
        """See Task: the examples' texts."""
        return (text for example in examples for text in example.texts)

    def translated(self, logits: Logits, config: Own, label_map: Mapping[str, str | None] | None) -> Logits:
        """See Task: there are no classes to be called otherwise. Raises ModelError for a map."""
        if label_map is not None:
            raise ModelError(f"label_map maps classes, and the task {self.kind} has none: drop it")
        return logits

    def head_sizes(self, examples: Sequence[Own]) -> "Ints":
        """See Task: one head an example, of as many outcomes as may be."""
        import numpy as np

        return np.full(len(examples), 2**16)

    def head_bytes(self, examples: Sequence[Own]) -> "Ints | None":
        """See Task: about the whole."""
        return None

    def unfolding(self, signals: "Signals") -> "Unfolding | None":
        """See Task: in none."""
        return None

    def weighed_as(self, examples: Sequence[Own], signals: "Signals") -> "Ints | None":
        """See Task: there are no others."""
        return None

    def moved_mass(self, examples: Sequence[Own], features: Own, teacher: "TeacherSignals") -> float:
        """See Task: outcomes are the student's own."""
        return 0.0

    def predict(self, examples: Sequence[Own], features: Own, logits: Logits) -> Plain:
        """See Task: as from the signals that a teacher with these logits would give."""
        signals = self.write_signals(examples, features, logits)  # type: ignore[attr-defined]
        found: Plain = self.predict_from_signals(examples, signals)  # type: ignore[attr-defined]
        return found

    def soft_labels(self, examples: Sequence[Own], signals: "Signals") -> list[Plain]:
        """See Task: the predictions."""
        found: Plain = self.predict_from_signals(examples, signals)  # type: ignore[attr-defined]
        return [found[example.id] for example in examples]

    def compared(self, features: Own, logits: Logits) -> "list[NDArray[np.float32]]":
        """See Task: all of them."""
        return list(logits)

    def card(self, windows: WindowSettings, onnx: str | None, language: str) -> CardParts:
        """See Task: what the metrics are, and how distil asks the model."""
        metrics: Sequence[Metric] = self.metrics  # type: ignore[attr-defined]
        asked = self.request.model_fields  # type: ignore[attr-defined]
        options = " ".join(f"--{name} '…'" for name, field in asked.items() if field.is_required())
        return CardParts(
            pipeline_tag="other",
            introduction=f"A model for the task {self.kind}.",
            results=f"{metrics_in_words(metrics)}.",
            limits=(f"It reads {windows.max_length} tokens at a time.",),
            usage=("With distil, where the task's code can be imported:", f"```sh\ndistil answer . {options}\n```"),
        )

    def generative_objective(
        self,
        teacher: GenerativeSection,
        windows: WindowSettings,
        examples: Sequence[Own],
        tokenizer: "PreTrainedTokenizerFast",
        progress: Own,
    ) -> "Objective":
        """See Task; `check` refuses such a teacher."""
        raise ModelError(f"a generative model does not teach the task {self.kind}")

    def chat_objective(
        self,
        teacher: ChatSection,
        windows: WindowSettings,
        examples: Sequence[Own],
        tokenizer: "PreTrainedTokenizerFast",
        progress: Own,
    ) -> "Objective":
        """See Task: to give the right answers, as `chat` puts them into words."""
        from distil.framework.chat.training import chat_generation

        return chat_generation(teacher, self.chat(), examples, tokenizer, teacher.configuration(tokenizer))

    def chat_predictor(self, teacher: ChatSection, folder: Path, inference: InferenceConfig) -> Predictor:
        """See Task: what it answers is read as `chat` says."""
        from distil.framework.chat.predictor import chat_predictor

        return chat_predictor(teacher, self.chat(), folder, inference)

    def chat(self) -> "ChatTask[Own, Own]":
        """See Task; `check` refuses such a teacher."""
        raise ModelError(f"a chat model does not teach the task {self.kind}")

    def generative_predictor(self, teacher: GenerativeSection, folder: Path, inference: InferenceConfig) -> Predictor:
        """See Task; `check` refuses such a teacher."""
        raise ModelError(f"a generative model does not teach the task {self.kind}")
