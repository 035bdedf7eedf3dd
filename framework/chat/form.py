"""The form in which a server answers, as far as it is read."""

from typing import Annotated

from pydantic import BaseModel, Field

LogP = Annotated[float | None, Field(le=0.01)]  # which neither NaN is nor a logit; rounding may exceed 0


class Likely(BaseModel):
    """A token that might stand in a place."""

    token: str
    logprob: LogP = None


class Token(Likely):
    """The token that stands there, with others."""

    top_logprobs: list[Likely] | None = None


class Tokens(BaseModel):
    """Those of an answer."""

    content: list[Token] | None = None


class Message(BaseModel):
    """What the model says."""

    content: str | None = None


class Choice(BaseModel):
    """One of the answers."""

    message: Message
    logprobs: Tokens | None = None
    finish_reason: str | None = None


class Counted(BaseModel):
    """Tokens, as the server counts them."""

    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(default=0, ge=0)


class Completion(BaseModel):
    """All answers to a request."""

    model: str | None = None
    choices: list[Choice] = Field(min_length=1)
    usage: Counted | None = None
