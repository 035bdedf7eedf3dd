"""A language model behind a server, which is asked in words."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, model_validator

from distil.framework.chat.section import Budget, Endpoint, Prices
from distil.framework.chat.task import Reading
from distil.framework.config import Section
from distil.framework.files import Json
from distil.framework.teachers.base import Actor, TeacherTemperature, without_model

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from distil.framework.data.example import Example
    from distil.framework.data.features import WindowSettings
    from distil.framework.models.kind import ModelKind
    from distil.framework.progress import Progress
    from distil.framework.tasks.base import InferenceConfig, Predictor, Task
    from distil.framework.training.objective import Objective
    from distil.framework.training.section import Training

_RESERVED = (
    "model",
    "messages",
    "temperature",
    "n",
    "logprobs",
    "top_logprobs",
    "max_tokens",
    "max_completion_tokens",
    "stream",
)


@without_model
class Chat(Section):
    """An instruction-tuned language model with a server's interface; each of its answers is paid for once and kept."""

    kind: Literal["chat"] = "chat"
    endpoint: Endpoint
    read: Reading = Field(
        default="votes",
        description="votes: what its answers say; likelihood: how likely it finds each label, by the likeliest tokens in each place "
        "of its answer, which the server has to give.",
    )
    samples: int = Field(default=1, ge=1, le=1000, description="Answers to each question, whose mean is taken.")
    sampling_temperature: float | None = Field(
        default=None,
        ge=0,
        le=10,
        description="At which answers are drawn; 0: the likeliest tokens. Default: 0 for one answer, 1 for several.",
    )
    top_logprobs: int = Field(
        default=20, ge=1, le=1000, description="Likeliest tokens that a server gives; for likelihood."
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

    if TYPE_CHECKING:  # `without_model` fixes these
        model: None = None
        tokenizer: None = None
        fine_tune: Training | None = None
        split: str = "train"
        windows: WindowSettings | None = None
        crossfit: int | None = None
        trained_with: tuple[str, ...] = ()
        takes_proposals: bool = False

    @model_validator(mode="after")
    def _check(self) -> "Chat":
        usual = type(self).model_fields["top_logprobs"].default
        if self.read == "votes" and self.top_logprobs != usual:
            raise ValueError(
                "`top_logprobs` is for likelihoods, and answers are votes: drop it, or set read: likelihood"
            )
        if self.samples > 1 and self.sampling_temperature == 0:
            raise ValueError("at a sampling_temperature of 0 all `samples` are the same: raise it, or drop `samples`")
        if self.budget.max_cost is not None and self.prices is None:
            raise ValueError("budget.max_cost needs `prices`, by which costs are told")
        taken = [name for name in _RESERVED if name in self.extra]
        if taken:
            raise ValueError(f"extra: {', '.join(taken)} are set by other options; drop them there")
        return self

    def model_kind(self, task: "Task", config: object) -> "ModelKind":
        """See Teacher: it has no model here."""
        raise NotImplementedError

    def objective(
        self,
        inference: "InferenceConfig",
        examples: "Sequence[Example]",
        tokenizer: "PreTrainedTokenizerFast",
        seed: int,
        progress: "Progress",
    ) -> "Objective":
        """See Teacher: it is not trained."""
        raise NotImplementedError

    def predictor(self, folder: Path, inference: "InferenceConfig") -> "Predictor":
        """See Teacher."""
        from distil.framework.chat.asking import Asker
        from distil.framework.chat.predictor import ChatPredictor

        asker = Asker(self.endpoint, self.budget, self.prices, inference.answers, inference.storage)
        return ChatPredictor(self, inference.task.chat(), asker, inference)
