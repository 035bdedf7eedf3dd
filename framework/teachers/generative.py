"""A generative model: an encoder-decoder such as T5, or a decoder such as GPT."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from distil.framework.config import Section
from distil.framework.data.features import WindowSettings
from distil.framework.models.section import ConfigModel, ModelSource, PretrainedTokenizer, TokenizerSource
from distil.framework.teachers.base import Actor, Crossfit, TeacherTemperature, check_teacher
from distil.framework.training.section import Training

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from distil.framework.data.example import Example
    from distil.framework.models.kind import ModelKind
    from distil.framework.progress import Progress
    from distil.framework.tasks.base import InferenceConfig, Predictor, Task
    from distil.framework.training.objective import Objective

_OF_THE_TOKENIZER = ("bos_token_id", "eos_token_id", "decoder_start_token_id")


class Generative(Section):
    """Any Hugging Face encoder-decoder or decoder, whose configuration tells which of the two it is.

    Its signal is a distribution over answers: what it writes itself and the best spans of the other teachers, each by its
    probability given the prompt. Answers that the context does not contain count as "no answer here" where questions may
    have none, and not at all elsewhere.
    """

    kind: Literal["generative"] = "generative"
    model: ModelSource
    tokenizer: TokenizerSource = PretrainedTokenizer()
    fine_tune: Training | None = Field(default=None, description="Left out: the model is taken as it is.")
    split: str = Field(default="train", description="Split that the teacher is fine-tuned on.")
    windows: WindowSettings | None = Field(
        default=None,
        description="Default: the recipe's windows. max_length is that of a prompt and, of a decoder, of its answer too.",
    )
    temperature: TeacherTemperature = 1.0
    crossfit: Crossfit = None
    actor: Actor = Actor()
    prompt: str | None = Field(
        default=None,
        description="Text with {question} and {context}. Default: 'question: {question} context: {context}' for an "
        "encoder-decoder; for a decoder the context, 'question: {question}' and 'answer:' on a line each.",
    )
    beams: int = Field(default=4, ge=1, le=1000, description="Beams of the search, whose answers are all candidates.")
    candidates: int = Field(
        default=5, ge=1, le=1000, description="Spans taken from each other teacher as candidates, at most."
    )
    length_normalisation: float = Field(
        default=0.0, ge=0, le=100, description="α: candidates weigh log P / length^α, with the length in tokens."
    )
    max_answer: int = Field(default=32, ge=1, le=10_000, description="Tokens of the longest answer.")
    trained_with: ClassVar[tuple[str, ...]] = ("prompt", "max_answer")
    takes_proposals: ClassVar[bool] = True

    @model_validator(mode="after")
    def _check(self) -> "Generative":
        check_teacher(self)
        given = [
            name for name in _OF_THE_TOKENIZER if isinstance(self.model, ConfigModel) and name in self.model.config
        ]
        if given:
            raise ValueError(f"config: {', '.join(given)} come from the tokenizer; drop them")
        return self

    def model_kind(self, task: "Task", config: Any) -> "ModelKind":
        """See Teacher."""
        return task.generative_kind(config)

    def objective(
        self,
        inference: "InferenceConfig",
        examples: "Sequence[Example]",
        tokenizer: "PreTrainedTokenizerFast",
        seed: int,
        progress: "Progress",
    ) -> "Objective":
        """See Teacher: to write the labels, as the task puts them into words."""
        return inference.task.generative_objective(self, inference.windows, examples, tokenizer, progress)

    def predictor(self, folder: Path, inference: "InferenceConfig") -> "Predictor":
        """See Teacher."""
        return inference.task.generative_predictor(self, folder, inference)

    def configuration(self, tokenizer: "PreTrainedTokenizerFast") -> tuple[Any, int | None]:
        """The configuration of its model, and the token that this forces to come first."""
        from distil.framework.models.configuration import forced_start, new_config, read_config
        from distil.framework.models.locate import locate

        if isinstance(self.model, ConfigModel):
            return new_config(self.model, len(tokenizer), int(tokenizer.pad_token_id)), None
        folder = locate(self.model)  # type: ignore[arg-type]
        return read_config(folder), forced_start(folder)
