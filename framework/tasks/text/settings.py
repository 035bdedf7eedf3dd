"""What a recipe says of texts: how prompts are put, how much models write, and by what that is measured."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, field_validator

from distil.framework.config import Section
from distil.framework.metrics import Metric
from distil.framework.tasks.defaults import TaskSection
from distil.framework.tasks.text.measures import PACKAGES, AnyMeasure, ExactMatch
from distil.framework.tasks.text.metrics import metrics_of
from distil.framework.tasks.text.prompts import Wording

if TYPE_CHECKING:
    from distil.framework.ensembles.base import Unfolding
    from distil.framework.signals.algebra import Signals


class TextGeneration(Section):
    """How much a model writes after a prompt, when it is measured, answers or is served: always the likeliest token."""

    max_new_tokens: int = Field(
        default=64,
        ge=1,
        le=32_768,
        description="Tokens of a completion at most, its end included; half of `windows.max_length`, or what a decoder has positions for, where "
        "that is less.",
    )


class TextSettings(TaskSection):
    """The settings of the task; what is done with them is in Text."""

    kind: Literal["text"] = "text"
    prompt: str | None = Field(
        default=None,
        description="Text with {prompt} in it, into which prompts without roles are put. Default: they stand as they are.",
    )
    as_chat: bool | None = Field(
        default=None,
        description="Whether prompts without roles are what a user says, each model's chat template around it. Default: where all data are "
        "conversations, and what a model is asked is a prompt. Messages always are put into the template; without one, each is a line with its role, "
        "its text below it and an empty line.",
    )
    generation: TextGeneration = TextGeneration()
    measures: list[AnyMeasure] = Field(
        default=[ExactMatch()],
        description="By what texts that models write are measured, beside bits per byte: exact_match, chrf, rouge_l, or settings of one "
        "with its `kind`, which may be a class of your own. None: models write nothing.",
    )
    measured_with: ClassVar[tuple[str, ...]] = ("generation", "measures")

    @field_validator("prompt")
    @classmethod
    def _names_the_prompt(cls, prompt: str | None) -> str | None:
        Wording(prompt).text("?")
        return prompt

    @field_validator("measures")
    @classmethod
    def _different(cls, measures: list[AnyMeasure]) -> list[AnyMeasure]:
        names = [metric.name for metric in metrics_of(measures)]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two measures are called {twice}; drop one, or give it another name")
        return measures

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """See Task."""
        return metrics_of(self.measures)

    @property
    def packages(self) -> Mapping[str, tuple[str, ...]]:
        """See Task: those of measures."""
        named = [one.kind for one in self.measures if one.kind in PACKAGES]
        return {f"task.measures: {kind}": (PACKAGES[kind],) for kind in named}

    @property
    def wording(self) -> Wording:
        """How prompts are put."""
        return Wording(self.prompt, bool(self.as_chat))

    def unfolding(self, signals: "Signals") -> "Unfolding":
        """See Task: boundary by boundary."""
        from distil.framework.tasks.text.signal import unfolding_of

        return unfolding_of(signals)
