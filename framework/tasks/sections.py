"""What a task sees of the other sections of a recipe, of which it is a part itself."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

from distil.framework.data.features import WindowSettings

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedTokenizerFast

    from distil.framework.chat.section import Budget, Endpoint, Prices, Shots
    from distil.framework.chat.task import Reading
    from distil.framework.ensembles.base import Ensemble
    from distil.framework.files import Json
    from distil.framework.models.section import ModelSource, TokenizerSource


class TeacherSection(Protocol):
    """See Teacher; a kind may have more."""

    @property
    def kind(self) -> str:
        """Names the kind of teacher."""

    @property
    def windows(self) -> WindowSettings | None:
        """How it reads; None: as the recipe says."""

    @property
    def temperature(self) -> float | str:
        """Divides its logits, or `calibrated`."""


class GenerativeSection(Protocol):
    """See Generative."""

    prompt: str | None
    beams: int
    candidates: int
    length_normalisation: float
    max_answer: int

    def configuration(self, tokenizer: "PreTrainedTokenizerFast") -> tuple[Any, int | None]:
        """The configuration of its model, and the token that this forces to come first."""


class ChatSection(Protocol):
    """See Chat."""

    read: "Reading"
    samples: int
    sampling_temperature: float | None
    top_logprobs: int
    max_answer: int | None
    instructions: str | None
    prompt: str | None
    extra: "Json"
    invalid: Literal["uniform", "leave_out"]
    model: "ModelSource | None"
    endpoint: "Endpoint | None"
    tokenizer: "TokenizerSource"
    max_length: int | None
    examples: "Shots | None"
    prices: "Prices | None"
    budget: "Budget"

    def configuration(self, tokenizer: "PreTrainedTokenizerFast") -> "PreTrainedConfig":
        """The configuration of its model."""


class StudentSection(Protocol):
    """See Student."""

    @property
    def tokenizer(self) -> object:
        """How its model cuts texts."""

    @property
    def trim(self) -> object | None:
        """Whether its vocabulary is cut down."""


class SourceSection(Protocol):
    """See Extra."""

    @property
    def source(self) -> object:
        """Where a split comes from."""


class DataSection(SourceSection, Protocol):
    """See Data."""

    @property
    def extra(self) -> Mapping[str, SourceSection]:
        """Further splits, by name."""


class Sections(Protocol):
    """See Recipe."""

    @property
    def windows(self) -> WindowSettings:
        """How models read."""

    @property
    def data(self) -> DataSection:
        """Where examples come from."""

    @property
    def teachers(self) -> Mapping[str, TeacherSection]:
        """Teachers by name."""

    @property
    def student(self) -> StudentSection | None:
        """The model that is taught."""

    @property
    def ensemble(self) -> "Ensemble | None":
        """How several teachers become one."""


def refused(kinds: Sequence[str], task: str, recipe: Sections) -> list[str]:
    """That teachers of these kinds do not teach a task, in words."""
    return [
        f"teachers.{name}: a {teacher.kind} model does not teach the task {task}: take a teacher of another kind"
        for name, teacher in recipe.teachers.items()
        if teacher.kind in kinds
    ]
