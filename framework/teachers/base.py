"""What a teacher is to the rest of distil, and what the sections of all kinds of teacher have in common."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, TypeVar

from pydantic import BaseModel, Field, Tag

from distil.framework.config import NUMBER_OR_WORD, Section
from distil.framework.files import Json
from distil.framework.models.formats import FLOAT32, format_of
from distil.framework.models.section import LayersModel, TrainedTokenizer, check_tokenizer_fits
from distil.framework.plugins import settings_of
from distil.framework.training.section import RANDOM_ADAPTED

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from distil.framework.data.example import Example
    from distil.framework.data.features import WindowSettings
    from distil.framework.models.kind import ModelKind
    from distil.framework.progress import Progress
    from distil.framework.tasks.base import InferenceConfig, Predictor, Task
    from distil.framework.training.objective import Objective
    from distil.framework.training.section import Training

_Kind = TypeVar("_Kind", bound=BaseModel)


class Actor(Section):
    """What a Ray actor takes that streams a teacher's signals."""

    cpus: float = Field(default=1.0, ge=0, le=10_000, description="CPU cores.")
    gpus: float = Field(
        default=0.0, ge=0, le=1000, description="GPUs; a share, such as 0.5, if several teachers sit on one."
    )


TeacherTemperature = Annotated[
    Annotated[float, Field(ge=0.01, le=1000), Tag("number")] | Annotated[Literal["calibrated"], Tag("word")],
    NUMBER_OR_WORD,
    Field(
        description="Divides the teacher's logits; calibrated: the one that makes its probabilities fit the labels of "
        "signals.held_out best."
    ),
]
Crossfit = Annotated[
    int | None,
    Field(
        ge=2,
        le=1000,
        description="Folds: each question's signal comes from a model that was not fine-tuned on its paragraph. Default: "
        "from the one model that was fine-tuned on all.",
    ),
]

LabelMap = Annotated[
    dict[str, str | None] | None,
    Field(
        description="{the model's class: the task's label, or null for one that means none of them}, where they do not have "
        "the same names; of several classes of one label the probabilities add up."
    ),
]


def check_teacher(teacher: object) -> None:
    """Refuse what no kind of teacher can do. Raises ValueError."""
    model, fine_tune = teacher.model, teacher.fine_tune  # type: ignore[attr-defined]
    if isinstance(model, LayersModel):
        raise ValueError("a teacher cannot be made of another teacher's layers: use kind hub, folder or config")
    check_tokenizer_fits(model, teacher.tokenizer)  # type: ignore[attr-defined]
    weights = format_of(model)
    if fine_tune is not None:
        if weights != FLOAT32 and fine_tune.lora is None:
            raise ValueError(
                f"`fine_tune` trains all weights, which has to be done in fp32, and this model is loaded in {weights.name}: train adapters "
                "(fine_tune: {lora: {rank: 8}}), or drop "
                + (
                    "`dtype`"
                    if weights.quantization is None
                    else "`quantization`" + (" and `dtype`" if weights.dtype != "fp32" else "")
                )
            )
        if fine_tune.lora is not None and model is not None and model.kind == "config":
            raise ValueError(RANDOM_ADAPTED)
        return
    if model.kind == "config":
        raise ValueError("a teacher with random weights knows nothing: add `fine_tune`, or take it from hub or folder")
    if isinstance(teacher.tokenizer, TrainedTokenizer):  # type: ignore[attr-defined]
        raise ValueError("a model that is taken as it is has its own tokenizer: drop `tokenizer`, or add `fine_tune`")
    if teacher.split != "train":  # type: ignore[attr-defined]
        raise ValueError("`split` is what a teacher is fine-tuned on, and this one is taken as it is: drop `split`")
    if teacher.crossfit is not None:  # type: ignore[attr-defined]
        raise ValueError(
            "`crossfit` fine-tunes the teacher on folds, and this one is taken as it is: add `fine_tune`, or drop `crossfit`"
        )


# What stages ask every kind for, and what that is to a teacher without a model.
_COMMON: Json = {
    **dict.fromkeys(("model", "tokenizer", "fine_tune", "windows", "crossfit", "model_kind", "objective")),
    "split": "train",
    "temperature": 1.0,
    "actor": Actor(),
    "trained_with": (),
    "takes_proposals": False,
}


def without_model(kind: type[_Kind]) -> type[_Kind]:
    """Class decorator for a teacher of the user's own without a model: it then needs no more than `kind` and `predictor`.

    What else stages ask a Teacher for is fixed, unless the class has it. A field of the class is an option of the recipe:
    ``temperature: TeacherTemperature = 1.0``.
    """
    for name, value in _COMMON.items():
        if name not in kind.model_fields and not hasattr(kind, name):
            setattr(kind, name, value)
    return kind


def own_settings(teacher: object) -> Json:
    """The settings of a teacher's kind, beyond those that every kind has: they decide how it reads; of a kind of the user's
    own, with the digest of its source. Without those that its class calls `idle`, in pydantic's form of what is excluded."""
    values = settings_of(teacher, idle_settings(teacher))
    return {name: value for name, value in values.items() if name not in _COMMON}


def idle_settings(teacher: object) -> Mapping[str, object]:
    """The settings of a teacher that change nothing of what it says, in pydantic's form of what is excluded."""
    found: Mapping[str, object] = getattr(teacher, "idle", {})
    return found


def is_elsewhere(teacher: object) -> bool:
    """Whether it answers over a network: its time says nothing of a model, and asking it may cost money."""
    return getattr(teacher, "endpoint", None) is not None


def only_writes(teacher: object) -> bool:
    """Whether it completes prompts, and cannot say how likely a text is that others have written."""
    return bool(getattr(teacher, "only_writes", False))


class Teacher(Protocol):
    """A recipe's teacher section.

    model, tokenizer: where they come from, or None (see `without_model`); fine_tune: how the model is
    trained on `split`, if at all; windows: how it reads (default: as the recipe says); temperature: divides its logits
    before anything else; crossfit: number of folds for out-of-fold signals; actor: what a Ray actor takes that streams
    its signals.
    """

    kind: Any
    model: Any
    tokenizer: Any
    fine_tune: "Training | None"
    split: str
    windows: "WindowSettings | None"
    temperature: float | Literal["calibrated"]
    crossfit: int | None
    actor: "Actor"

    @property
    def trained_with(self) -> tuple[str, ...]:
        """Names of its own settings that decide how it is trained; others may change without training it anew."""

    @property
    def takes_proposals(self) -> bool:
        """Whether it is shown the signals of those teachers that take none."""

    def model_kind(self, task: "Task", config: Any) -> "ModelKind":
        """Which models it has; `config` is its model's configuration."""

    def objective(
        self,
        inference: "InferenceConfig",
        examples: "Sequence[Example]",
        tokenizer: "PreTrainedTokenizerFast",
        seed: int,
        progress: "Progress",
    ) -> "Objective":
        """What it is fine-tuned towards."""

    def predictor(self, folder: Path, inference: "InferenceConfig") -> "Predictor":
        """The trained model in `folder`. Raises ModelError."""

    def model_dump(self, *, mode: str = "python") -> dict[str, Any]:
        """Its settings as plain data (pydantic gives it)."""
