"""A language model, here or behind a server, which is asked in words."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from distil.framework.chat.section import Budget, Endpoint, Prices, Shots
from distil.framework.chat.task import Reading
from distil.framework.config import Section
from distil.framework.files import Json
from distil.framework.models.section import ConfigModel, ModelSource, PretrainedTokenizer, TokenizerSource
from distil.framework.teachers.base import Actor, Crossfit, TeacherTemperature, check_teacher, without_model
from distil.framework.training.section import Training

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedTokenizerFast

    from distil.framework.data.example import Example
    from distil.framework.data.features import WindowSettings
    from distil.framework.models.kind import ModelKind
    from distil.framework.progress import Progress
    from distil.framework.tasks.base import InferenceConfig, Predictor, Task
    from distil.framework.training.objective import Objective

_RESERVED = (
    "model",
    "messages",
    "prompt",
    "echo",
    "prompt_logprobs",
    "temperature",
    "n",
    "logprobs",
    "top_logprobs",
    "max_tokens",
    "max_completion_tokens",
    "stream",
)
_OF_A_SERVER = dict.fromkeys(("extra", "prices", "budget"), "a server, and this model runs here")
_OF_A_MODEL = dict.fromkeys(
    ("tokenizer", "fine_tune", "split", "crossfit", "max_length"),
    "a model that runs here, and this one is behind a server",
)


@without_model
class Chat(Section):
    """An instruction-tuned language model, which runs here or behind a server; each of its answers is asked for once and kept."""

    kind: Literal["chat"] = "chat"
    model: ModelSource | None = Field(default=None, description="The model, which runs here; or `endpoint`.")
    endpoint: Endpoint | None = Field(default=None, description="The server that runs it; or `model`.")
    tokenizer: TokenizerSource = Field(
        default=PretrainedTokenizer(),
        description="Of a model behind a server, with its `id`: the tokens of which the server is asked how likely texts are.",
    )
    fine_tune: Training | None = Field(default=None, description="Left out: the model is taken as it is.")
    split: str = Field(default="train", description="Split that it is fine-tuned on.")
    crossfit: Crossfit = None
    max_length: int | None = Field(
        default=None,
        ge=1,
        le=10_000_000,
        description="Tokens of a conversation with its answer, for which longer texts are cut. Default: as many as the model reads.",
    )
    read: Reading = Field(
        default="votes",
        description="votes: what its answers say; likelihood: how likely it finds each label, of a server by the likeliest tokens in "
        "each place of its answer, which it has to give, or how likely it finds a text, of a server by those in each place of a prompt; first_token: by "
        "those in the first place alone; completions: a teacher of texts that writes alone.",
    )
    samples: int = Field(default=1, ge=1, le=1000, description="Answers to each question, whose mean is taken.")
    sampling_temperature: float | None = Field(
        default=None,
        ge=0,
        le=10,
        description="At which answers are drawn; 0: the likeliest tokens. Default: 0 for one answer, 1 for several.",
    )
    top_logprobs: int = Field(
        default=20, ge=1, le=1000, description="Likeliest tokens in each place that count; for likelihoods."
    )
    max_answer: int | None = Field(
        default=None, ge=1, le=100_000, description="Tokens of the longest answer. Default: as the task's answers take."
    )
    instructions: str | None = Field(
        default=None, description="What the system message says. Default: the task's, which names the labels."
    )
    prompt: str | None = Field(
        default=None, description="What the user's message says, with {text}, and of pairs {text_pair}, once each."
    )
    invalid: Literal["uniform", "leave_out"] = Field(
        default="uniform",
        description="What an example teaches without a valid answer, when it was asked for once more: uniform: that all that may be is alike; "
        "leave_out: nothing; other teachers are heard alone.",
    )
    examples: Shots | None = Field(default=None, description="What it is shown with right answers before it is asked.")
    extra: Json = Field(default_factory=dict, description="Further fields of a request, as the server takes them.")
    prices: Prices | None = Field(default=None, description="By which costs are told.")
    budget: Budget = Budget()
    temperature: TeacherTemperature = 1.0
    actor: Actor = Actor()
    # Who is asked, how fast and for how much changes no answer.
    idle: ClassVar[Mapping[str, object]] = {
        "endpoint": {"url", "url_env", "key_env", "concurrency", "per_minute", "timeout_s", "retries"},
        "prices": True,
        "budget": True,
    }

    trained_with: ClassVar[tuple[str, ...]] = ("instructions", "prompt", "max_answer", "max_length")

    if TYPE_CHECKING:  # `without_model` fixes these
        windows: WindowSettings | None = None
        takes_proposals: bool = False

    @property
    def only_writes(self) -> bool:
        """See only_writes."""
        return self.read == "completions"

    @model_validator(mode="after")
    def _check(self) -> "Chat":
        if (self.model is None) == (self.endpoint is None):
            raise ValueError(
                "a chat model runs here (`model`) or behind a server (`endpoint`): give one of them"
                + ("" if self.model is None else ", not both")
            )
        ignored = _OF_A_SERVER if self.endpoint is None else _OF_A_MODEL
        reads = self.endpoint is not None and self.read == "likelihood"  # whose tokens a server is sent
        given = [
            name
            for name in ignored
            if not (reads and name == "tokenizer")
            and getattr(self, name) != type(self).model_fields[name].get_default(call_default_factory=True)
        ]
        if given:
            raise ValueError(f"{', '.join(given)}: this is for {ignored[given[0]]}; drop it")
        if self.model is not None:
            check_teacher(self)
        if self.fine_tune is not None and self.examples is not None:
            raise ValueError(
                "`examples` are for a model that has learnt from none, and this one is fine-tuned: drop one of both"
            )
        usual = type(self).model_fields["top_logprobs"].default
        if self.read in ("votes", "completions") and self.top_logprobs != usual:
            raise ValueError(
                f"`top_logprobs` is for likelihoods, and read is {self.read}: drop it, or set read: likelihood"
            )
        if self.samples > 1 and self.sampling_temperature == 0:
            raise ValueError("at a sampling_temperature of 0 all `samples` are the same: raise it, or drop `samples`")
        if self.budget.max_cost is not None and self.prices is None:
            raise ValueError("budget.max_cost needs `prices`, by which costs are told")
        taken = [name for name in _RESERVED if name in self.extra]
        if taken:
            raise ValueError(f"extra: {', '.join(taken)} are set by other options; drop them there")
        return self

    def model_kind(self, task: "Task", config: Any) -> "ModelKind":
        """See Teacher."""
        from distil.framework.chat.local import chat_generator

        return chat_generator(config)

    def objective(
        self,
        inference: "InferenceConfig",
        examples: "Sequence[Example]",
        tokenizer: "PreTrainedTokenizerFast",
        seed: int,
        progress: "Progress",
    ) -> "Objective":
        """See Teacher: to give the right answers, as the task puts them into words."""
        return inference.task.chat_objective(self, inference.windows, examples, tokenizer, progress)

    def predictor(self, folder: Path, inference: "InferenceConfig") -> "Predictor":
        """See Teacher."""
        return inference.task.chat_predictor(self, folder, inference)

    def configuration(self, tokenizer: "PreTrainedTokenizerFast") -> "PreTrainedConfig":
        """The configuration of its model."""
        from distil.framework.models.configuration import new_config, read_config
        from distil.framework.models.locate import locate

        if isinstance(self.model, ConfigModel):
            return new_config(self.model, len(tokenizer), int(tokenizer.pad_token_id))
        return read_config(locate(self.model))  # type: ignore[arg-type]
