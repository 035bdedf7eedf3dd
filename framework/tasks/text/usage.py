"""Using a model of texts: what it is asked one at a time, and what it answers."""

from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from distil.framework.tasks.text.example import Written

if TYPE_CHECKING:
    from distil.framework.tasks.base import Plain


class TextRequest(BaseModel):
    """A prompt."""

    model_config = ConfigDict(extra="forbid", strict=True)
    most: ClassVar[dict[str, int]] = {"prompt": 200_000}

    prompt: str = Field(description="What the model goes on from.", examples=["Question: Where is Omsk?\nAnswer:"])


class TextResponse(BaseModel):
    """What the model writes after the prompt."""

    text: str


def asked(request: TextRequest) -> Written:
    """The prompt as an example, without a completion."""
    return Written("request", request.prompt, "", labelled=False)


def respond(prediction: "Plain") -> TextResponse:
    """What a prediction says is written."""
    return TextResponse(text=prediction["text"] or "")
