"""Sections of a recipe that are read in several places: the student, its model and its training; and where runs are tracked."""

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Protocol
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema, field_validator, model_validator
from pydantic_core import PydanticCustomError

from distil.framework.config import MOST_EPOCHS, Section, without_passwords
from distil.framework.files import Json
from distil.framework.models.formats import FLOAT32, format_of
from distil.framework.models.section import (
    ConfigModel,
    ModelSource,
    PretrainedTokenizer,
    TokenizerSource,
    TrainedTokenizer,
    check_tokenizer_fits,
)
from distil.framework.plugins import by_kind
from distil.framework.training.section import RANDOM_ADAPTED, Training


class Trim(Section):
    """Drops the tokens that no question or context needs from the student's vocabulary, before it is trained."""

    splits: list[str] | None = Field(
        default=None, min_length=1, description="Splits whose tokens are kept; default: all splits of `data`."
    )


class Completions(Section):
    """Texts that teachers write, of which a student learns the best after each prompt (Kim & Rush, arXiv 1606.07947)."""

    of: list[str] = Field(min_length=1, description="Splits whose prompts are completed.")
    count: int = Field(
        default=1,
        ge=1,
        le=1000,
        description="Completions of a prompt by each teacher. One is of the likeliest tokens, several are drawn.",
    )
    temperature: float | None = Field(
        default=None, ge=0.01, le=100, description="At which several are drawn; default: 1."
    )

    @model_validator(mode="after")
    def _check(self) -> "Completions":
        if self.count == 1 and self.temperature is not None:
            raise ValueError(
                "`temperature` is for completions that are drawn, and one is the likeliest: drop it, or raise `count`"
            )
        return self


class Rounds(Section):
    """Texts that a student writes itself, of which teachers say how likely they are, again and again (Agarwal et al., arXiv 2306.13649)."""

    count: int = Field(default=1, ge=1, le=100, description="Rounds of writing, asking and training.")
    of: list[str] = Field(min_length=1, description="Splits after whose prompts the student writes, each once a round.")
    temperature: float = Field(default=1.0, ge=0, le=100, description="At which tokens are drawn; 0: the likeliest.")
    epochs: int = Field(default=1, ge=1, le=MOST_EPOCHS, description="Epochs of training on the texts of a round.")
    lr: float | None = Field(
        default=None, gt=0, le=100, description="Peak learning rate of a round; default: the student's."
    )
    with_data: bool = Field(
        default=False, description="Whether the texts of a round are learnt beside the data, instead of alone."
    )


class Student(Training):
    """A small model. Its training settings stand in the same section (`student.lr`)."""

    model: ModelSource
    tokenizer: TokenizerSource = PretrainedTokenizer()
    trim: Trim | None = Field(default=None, description="Trims the vocabulary to the recipe's texts.")
    split: str = Field(default="train", description="Split that the student is trained on.")
    unlabelled: list[str] = Field(
        default_factory=list,
        description="Splits whose questions are added without their answers: only what teachers think of them counts.",
    )
    completions: Completions | None = Field(
        default=None, description="Texts that teachers write, which are learnt beside those of `split`."
    )
    rounds: Rounds | None = Field(
        default=None, description="Texts that the student writes itself, on which it goes on learning."
    )

    @property
    def all_epochs(self) -> int:
        """Epochs of its training and of its rounds."""
        return self.epochs + (0 if self.rounds is None else self.rounds.count * self.rounds.epochs)

    @model_validator(mode="after")
    def _check_tokenizer(self) -> "Student":
        check_tokenizer_fits(self.model, self.tokenizer)
        return self

    @model_validator(mode="after")
    def _check_weights(self) -> "Student":
        weights = format_of(self.model)
        if weights != FLOAT32:
            name = "dtype" if weights.quantization is None else "quantization"
            raise ValueError(
                f"`model.{name}` is for teachers, as a student's weights are trained and saved in fp32: drop it"
            )
        if self.lora is not None and isinstance(self.model, ConfigModel):
            raise ValueError(RANDOM_ADAPTED)
        return self

    @model_validator(mode="after")
    def _check_trim(self) -> "Student":
        if self.trim is not None and isinstance(self.tokenizer, TrainedTokenizer):
            raise ValueError(
                "`trim` drops tokens that the recipe's texts do not need, and a tokenizer that is trained on them has none: "
                "drop `trim`, or lower the tokenizer's vocab_size"
            )
        if self.trim is not None and isinstance(self.model, ConfigModel):
            raise ValueError(
                "`trim` keeps what a model has learnt about its tokens, and one built from a config has learnt nothing: drop "
                "`trim`, and give `tokenizer` a kind (wordpiece, bpe, unigram)"
            )
        return self


# Every class has a method of that name, from its metaclass; instances have not.
warnings.filterwarnings("ignore", 'Field name "register" in "Tracking" shadows', UserWarning)


class OwnTracker(Protocol):
    """A section of the user's own in `tracking.also`. kind: its import path."""

    kind: str

    def open(self, folder: Path, tracking: "Tracking", key: str) -> object:
        """A Tracker (tracking/tracker.py) for the run in `folder`. key: the same whenever the same run is sent."""

    def model_dump(self, *, mode: str = "python") -> Json:
        """Its options as plain data (pydantic gives it)."""


if TYPE_CHECKING:
    _Own = OwnTracker
else:  # which pydantic knows nothing of, as `by_kind` has made it
    _Own = object


def _by_kind_or_name(value: object) -> object:
    """A name, or a section with an import path as its `kind`, of which the path alone may stand."""
    if isinstance(value, str):
        return {"kind": value} if ":" in value else value
    kind = value.get("kind") if isinstance(value, Mapping) else getattr(value, "kind", None)
    if ":" not in str(kind):
        raise ValueError(
            "expected wandb, tensorboard, or a section of a tracker of your own with its import path, {kind: package.module:Class}"
        )
    return value


_OWN_SCHEMA = {"anyOf": [{"type": "string", "pattern": ":"}, {"type": "object", "required": ["kind"]}]}
AnyTracker = Annotated[
    Annotated[Literal["wandb", "tensorboard"], Tag("name")]
    | Annotated[_Own, by_kind(protocols=(OwnTracker,)), WithJsonSchema(_OWN_SCHEMA), Tag("own")],
    Discriminator(lambda value: "name" if isinstance(value, str) else "own"),
    BeforeValidator(_by_kind_or_name),
]


def tracker_name(tracker: AnyTracker) -> str:
    """How a tracker is called: by its name, or by the import path of one of the user's own."""
    return tracker if isinstance(tracker, str) else tracker.kind


class Tracking(Section):
    """Where runs are copied to: MLflow, and further trackers. The run folder stays the truth."""

    mlflow: bool = Field(default=True, description="Copy runs to MLflow, where it is installed.")
    uri: str | None = Field(
        default=None,
        description="MLflow server or database; if none: MLFLOW_TRACKING_URI, else SQLite in `output`.",
    )
    experiment: str = Field(default="distil", min_length=1, max_length=500, description="MLflow experiment.")
    log_models: bool = Field(default=True, description="Log students as models that answer questions.")
    register: str | None = Field(
        default=None,
        max_length=256,
        description="Registers the student, or a search's best one, as a version of the model of this name.",
    )
    alias: str | None = Field(
        default=None,
        max_length=255,
        description="Alias that the registered version gets, such as champion.",
    )
    also: list[AnyTracker] = Field(
        default_factory=list, description="Further trackers: wandb, tensorboard, or one of your own by its import path."
    )
    report: bool = Field(default=True, description="Write report.html once a run has ended, and send it.")

    @field_validator("register")
    @classmethod
    def _check_name(cls, name: str | None) -> str | None:
        if name is not None and not re.fullmatch(r"[^/:]*[^/:.\s][^/:]*", name):
            raise ValueError(f"'{name}' is no name of a registered model; expected one without / and :")
        return name

    @field_validator("alias")
    @classmethod
    def _check_alias(cls, alias: str | None) -> str | None:
        if alias is not None and not re.fullmatch(r"(?!latest$|[vV]\d+$)[\w-]+", alias):
            raise ValueError(
                f"'{alias}' is no alias; expected letters, digits, _ and -, and neither `latest` nor a version such as v1"
            )
        return alias

    @field_validator("also")
    @classmethod
    def _check_also(cls, also: list[AnyTracker]) -> list[AnyTracker]:
        if len(set(map(tracker_name, also))) < len(also):
            raise ValueError("names a tracker more than once")
        if any(without_passwords(said := str(one)) != said for one in also):
            raise ValueError(
                "options of a tracker hold a password, and the recipe is kept with the results; have the tracker read it from the environment"
            )
        return also

    @model_validator(mode="after")
    def _check_registration(self) -> "Tracking":
        if self.alias is not None and self.register is None:
            raise ValueError("`alias` is that of a registered model: give `register` a name, or drop `alias`")
        if self.register is not None and not self.log_models:
            raise ValueError("`register` takes models that are logged: set `log_models` to true, or drop `register`")
        return self

    @model_validator(mode="after")
    def _check_without_mlflow(self) -> "Tracking":
        # W&B takes the experiment for its project's name, and students' files; one of the user's own may, too.
        others = any(one != "tensorboard" for one in self.also)
        mlflows = ("uri", "register", "alias", *(() if others else ("experiment", "log_models")))
        idle = [name for name in mlflows if getattr(self, name) != Tracking.model_fields[name].default]
        if idle and not self.mlflow:
            raise ValueError(f"`{idle[0]}` is for MLflow, and `mlflow` is false: drop one of them")
        return self

    @property
    def by_mlflow(self) -> bool:
        """Whether something of it is meant for MLflow."""
        return self.mlflow and self.model_copy(update={"also": [], "report": True}) != Tracking()

    @field_validator("uri")
    @classmethod
    def _check_uri(cls, uri: str | None) -> str | None:
        if uri is None:
            return None
        if problem := problem_with_uri(uri):
            raise PydanticCustomError("tracking_uri", "{problem}", {"problem": problem})
        if urlsplit(uri).password is not None:
            raise PydanticCustomError(
                "tracking_password",
                "holds a password, and the recipe is kept with the results; set in the environment "
                "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD (HTTP), or MLFLOW_TRACKING_URI (SQL)",
            )
        return uri


def problem_with_uri(uri: str) -> str | None:
    """Why MLflow cannot track to `uri`, with what to write instead; None where it can."""
    expected = "expected http(s)://host:port, or a database such as sqlite:////absolute/path/mlflow.db"
    if uri.startswith(("databricks", "arn:")):
        return None
    if "://" not in uri and not uri.startswith("file:"):
        return f"'{uri}' has no scheme; {expected}"
    if uri.startswith("file:"):
        return f"'{uri}' is a path, and MLflow no longer tracks to folders; {expected}"
    try:
        port = urlsplit(uri).port
    except ValueError as error:
        return f"'{uri}' is not a URI ({error}); {expected}"
    if uri.startswith("sqlite:"):
        path = uri.removeprefix("sqlite://")
        return None if len(path) > 1 and path.startswith("/") else f"'{uri}' names no file; {expected}"
    if uri.startswith(("http://", "https://")) and (not urlsplit(uri).hostname or port == 0):
        return f"'{uri}' names no host and port; {expected}"
    return None
