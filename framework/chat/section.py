"""What a recipe says of a server, of prices, of a budget, and of examples that are shown."""

import re
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from distil.framework.config import Section, Seed

_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")  # a name in the environment; keys have small letters
_HERE = {"localhost", "127.0.0.1", "::1"}


class Endpoint(Section):
    """A server with the interface of OpenAI's chat completions: vLLM, llama.cpp, TGI, Ollama, `transformers serve`, OpenAI."""

    url: str | None = Field(
        default=None, min_length=1, max_length=2000, description="Up to the version, such as http://127.0.0.1:8000/v1."
    )
    url_env: str | None = Field(
        default=None,
        description="Name of the environment variable that holds the URL, in capital letters, instead of `url`.",
    )
    model: str = Field(min_length=1, max_length=500, description="As the server calls it; answers are kept by it.")
    key_env: str | None = Field(
        default=None,
        description="Name of the environment variable that holds the key, in capital letters.",
    )
    concurrency: int = Field(default=8, ge=1, le=1000, description="Requests under way at once, at most.")
    per_minute: int | None = Field(default=None, ge=1, le=1_000_000, description="Requests begun in a minute, at most.")
    timeout_s: float = Field(
        default=60.0, gt=0, le=86_400, description="Seconds of silence after which a request is given up."
    )
    retries: int = Field(
        default=10,
        ge=0,
        le=1000,
        description="How often a request is sent again that was not answered, or refused for now (429, 5xx), each time after a longer "
        "wait, or as long as the server says.",
    )

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str | None) -> str | None:
        return None if url is None else checked_url(url)

    @field_validator("url_env", "key_env")
    @classmethod
    def _check_variable(cls, name: str | None) -> str | None:
        if name is not None and not _VARIABLE.fullmatch(name):
            raise ValueError(
                "expected the name of an environment variable, in capital letters, such as LLM_KEY; a key itself stands in the "
                "environment alone"
            )
        return name

    @model_validator(mode="after")
    def _check(self) -> "Endpoint":
        if (self.url is None) == (self.url_env is None):
            both = "" if self.url is None else ", not both"
            raise ValueError(f"give `url`, or `url_env`, the name of an environment variable that holds it{both}")
        return self


def checked_url(url: str) -> str:
    """The URL of a server. Raises ValueError for one that is none, or that holds a secret."""
    expected = "expected http(s)://host:port/v1"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        told = "" if "@" in url else f" ({error})"  # which may show a part of a password
        raise ValueError(f"this is not a URL{told}; {expected}") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"the scheme is '{parts.scheme}'; {expected}")
    if not parts.hostname:
        raise ValueError(f"it names no host; {expected}")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ValueError(
            "holds a name, a password or a query, and URLs are shown and kept with the results: put a key into the environment, "
            "and its variable's name into key_env"
        )
    return url


def is_open(url: str) -> bool:
    """Whether what is sent can be read on its way to another machine."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in _HERE


class Prices(Section):
    """What a server asks for a million tokens, in any currency."""

    input: float = Field(ge=0, le=1e9, description="Of those that it reads.")
    output: float = Field(ge=0, le=1e9, description="Of those that it writes.")


class Budget(Section):
    """What may be spent on a model's answers below one `output`, by all recipes together. Nothing is sent that might exceed it."""

    requests: int | None = Field(default=None, ge=1, le=10**12, description="Requests that were answered.")
    tokens: int | None = Field(default=None, ge=1, le=10**15, description="Tokens read and written.")
    max_cost: float | None = Field(default=None, gt=0, le=1e12, description="Money, by `prices`.")


class Shots(Section):
    """Examples that a language model is shown with their right answers."""

    split: str = Field(description="Labelled split that they come from, not `evaluation.split`.")
    count: int = Field(default=4, ge=1, le=1000, description="How many.")
    by: Literal["random", "nearest"] = Field(
        default="random",
        description="random: the same for all, drawn once; nearest: those that the student, before it is trained, finds most like what is "
        "asked.",
    )
    seed: Seed = Field(default=0, description="Of what is drawn; for random.")

    @model_validator(mode="after")
    def _check(self) -> "Shots":
        if self.by == "nearest" and self.seed:
            raise ValueError("`seed` is of what is drawn, and the nearest are not: drop it, or set by: random")
        return self
