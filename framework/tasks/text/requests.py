"""What a model of texts is asked one at a time, and what it answers."""

import json
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from distil.framework.chat.messages import Message
from distil.framework.config import Worded
from distil.framework.errors import DataError, ModelError
from distil.framework.tasks.text.data import conversation
from distil.framework.tasks.text.example import Written
from distil.framework.tasks.text.turns import ROLES, text_of_parts

if TYPE_CHECKING:
    from distil.framework.tasks.base import Plain
    from distil.framework.tasks.text.writing import Completion


class TextPart(Worded):
    """A part of what somebody says, as OpenAI's interface has it."""

    type: Literal["text"]
    text: str


def _role(said: object) -> object:
    return ROLES.get(said.lower(), said) if isinstance(said, str) else said


class Turn(Worded):
    """What somebody says in a conversation. content: text, or a list of parts that are text."""

    model_config = ConfigDict(extra="forbid", strict=True)

    role: Annotated[Literal["system", "user", "assistant"], BeforeValidator(_role)]
    content: Annotated[str, BeforeValidator(text_of_parts, json_schema_input_type=str | list[TextPart])]


def _read(value: object) -> object:
    """What JSON stands for: options of a command, and columns of tables, are texts."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"expected a list of turns, or JSON with one ({error})") from None


class PromptRequest(Worded):
    """A text that is to go on, or a conversation."""

    model_config = ConfigDict(extra="forbid", strict=True)
    most: ClassVar[dict[str, int]] = {"prompt": 200_000}

    prompt: str | None = Field(
        default=None, description="What the model goes on with.", examples=["Question: What is a fjord?\nAnswer:"]
    )
    messages: Annotated[list[Turn] | None, BeforeValidator(_read)] = Field(
        default=None,
        max_length=1_000,
        description='A conversation that it answers, in the place of a prompt: [{"role": "user", "content": "…"}, …].',
    )


class TextResponse(Worded):
    """What a model has written."""

    text: str
    log_probability: float | None = Field(
        description="Natural logarithm of the text's probability, given the prompt; null of a model behind a server."
    )
    tokens: int = Field(description="Tokens that were written, the end included.")
    ended: bool = Field(description="Whether the model ended the text; else it was cut off at the most tokens.")


def asked(request: PromptRequest) -> Written:
    """The prompt as an example without a completion. Raises DataError where there is none, or two, or nobody asks."""
    if request.messages is None:
        if request.prompt is None:
            raise DataError("give a prompt, or messages")
        return Written("request", request.prompt, "", labelled=False)
    if request.prompt is not None:
        raise DataError("give a prompt or messages, and not both")
    if not request.messages or request.messages[-1].role == "assistant":
        raise DataError("the last of the messages must be what the user says")
    return conversation(
        "request", [Message(turn.role, turn.content) for turn in request.messages], "request"
    ).without_label()


def written(completion: "Completion") -> "Plain":
    """What a prediction says of a completion."""
    return {
        "text": completion.text,
        "log_probability": completion.log_p,
        "tokens": completion.tokens,
        "ended": completion.ended,
    }


def respond(prediction: "Plain") -> TextResponse:
    """What a prediction says was written. Raises ModelError where nothing was."""
    if prediction.get("text") is None:
        raise ModelError("an ensemble writes nothing, as its teachers' words are not the same: ask one of its models")
    return TextResponse(**{name: prediction[name] for name in TextResponse.model_fields})
