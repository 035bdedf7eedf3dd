"""The form in which a server answers, as far as it is read."""

import re
from typing import Annotated

from pydantic import BaseModel, Field

LogP = Annotated[float | None, Field(le=0.01)]  # which neither NaN is nor a logit; rounding may exceed 0
# How versions of a model are told from others whose names begin alike: -2024-08-06, -0613, -001, :latest, @main
_VERSION = re.compile(r"[-:](?:latest|v\d+|\d{3,}(?:-\d\d){0,2})|@.+")


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


def is_version(answering: str, asked: str) -> bool:
    """Whether a model is the one that was asked for, or a version of it: gpt-4-0613 is one of gpt-4, and gpt-4o is another model."""
    model = asked.removesuffix("-latest").removesuffix(":latest")
    rest = answering.removeprefix(model)
    return answering == asked or (answering.startswith(model) and (not rest or bool(_VERSION.fullmatch(rest))))
