"""What a recipe says of texts: how prompts are put."""

from typing import Literal

from pydantic import Field, field_validator

from distil.framework.tasks.defaults import TaskSection
from distil.framework.tasks.text.generation import TextGeneration
from distil.framework.tasks.text.prompts import Wording


class TextSettings(TaskSection):
    """The settings of the task; what is done with them is in Text."""

    kind: Literal["text"] = "text"
    prompt: str | None = Field(
        default=None,
        description="Text with {prompt} in it, into which prompts without roles are put. Default: they stand as they are.",
    )
    as_chat: bool = Field(
        default=False,
        description="Whether prompts without roles are what a user says, each model's chat template around it. Messages always are "
        "put into it; without one, each is a line with its role, its text below it and an empty line.",
    )

    generation: TextGeneration = TextGeneration()

    @field_validator("prompt")
    @classmethod
    def _names_the_prompt(cls, prompt: str | None) -> str | None:
        Wording(prompt).text("?")
        return prompt

    @property
    def wording(self) -> Wording:
        """How prompts are put."""
        return Wording(self.prompt, self.as_chat)
