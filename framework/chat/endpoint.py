"""Asking a server with the interface of OpenAI's chat completions, through its official client."""

import logging
import os
import re
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field, ValidationError

from distil.framework.chat.answers import Answer, Token, Usage
from distil.framework.chat.messages import Request
from distil.framework.chat.section import Endpoint, checked_url, is_open
from distil.framework.errors import DistilError, ModelError, UserError, first_line
from distil.framework.extras import need

if TYPE_CHECKING:
    from openai import APIConnectionError, APIStatusError, OpenAI

_LOG = logging.getLogger(__name__)
_GARBLED = 3  # how often a request is sent that is answered, and not in the interface's form
_REFUSED = {401, 403}
_THOUGHTS = re.compile(r"\A\s*<think>.*?</think>\s*", re.DOTALL)
_NO_KEY = "none"  # without one the client would take what the environment has for another server


class EndpointError(DistilError):
    """A server that does not answer, or not in the form that was expected."""


class _BadRequestError(UserError):
    """A request that a server does not take."""


class _Likely(BaseModel):
    token: str
    logprob: float | None = None


class _Token(_Likely):
    top_logprobs: list[_Likely] | None = None


class _Tokens(BaseModel):
    content: list[_Token] | None = None


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Message
    logprobs: _Tokens | None = None


class _Counted(BaseModel):
    prompt_tokens: int
    completion_tokens: int = 0


class _Completion(BaseModel):
    model: str | None = None
    choices: list[_Choice] = Field(min_length=1)
    usage: _Counted | None = None


class Server:
    """A server that is asked about requests, by several threads at once."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Raises UserError where the client is not installed or the environment lacks the key or the URL."""
        self._endpoint = endpoint
        self._url = _url(endpoint)
        self._key = _key(endpoint)
        self._client = _client(endpoint, self._url, self._key)
        self._pace = _Pace(endpoint.per_minute)
        self._takes_schemas = True
        if is_open(self._url):
            _LOG.warning(
                "    what is sent to %s can be read on its way there%s: use https, or a tunnel",
                self._url,
                ", the key too" if endpoint.key_env else "",
            )

    def complete(self, request: Request, count: int, bound: Usage) -> list[Answer]:
        """Up to `count` answers to a request, at least one. bound: what it takes at most, for servers that do not count.

        A server that takes no JSON schemas is asked without. Raises UserError for what the server refuses, ModelError where it has
        not the model, EndpointError where it does not answer.
        """
        plain = replace(request, schema=None)
        if request.schema is None or not self._takes_schemas:
            return self._complete(plain, count, bound)
        try:
            return self._complete(request, count, bound)
        except _BadRequestError:
            answers = self._complete(plain, count, bound)
            if self._takes_schemas:
                self._takes_schemas = False
                _LOG.warning("    %s takes no JSON schema of answers, and is asked without", self._name())
            return answers

    def _complete(self, request: Request, count: int, bound: Usage) -> list[Answer]:
        from openai import APIConnectionError, APIStatusError, OpenAIError

        body = {**request.body(self._endpoint.model), **({"n": count} if count > 1 else {})}
        problem = ""
        for _ in range(_GARBLED):
            self._pace.wait()
            began = time.perf_counter()
            try:
                content = self._sent(body)
            except APIStatusError as error:
                raise self._refusal(error) from None
            except APIConnectionError as error:
                raise EndpointError(self._without_key(f"{self._name()} does not answer: {_why(error)}")) from None
            except OpenAIError as error:
                raise EndpointError(self._without_key(f"{self._name()}: {first_line(error)}")) from None
            try:
                found = _Completion.model_validate_json(content)
            except ValidationError as error:
                problem = first_line(error)
                continue
            self._check_model(found.model)
            answers = self._answers(found, time.perf_counter() - began, bound)
            if request.top_logprobs and not any(answer.tokens for answer in answers):
                raise ModelError(f"{self._name()} gives no likelihoods of tokens (logprobs): set read: votes")
            return answers
        raise EndpointError(
            self._without_key(
                f"{self._name()} answered {_GARBLED} times in another form than that of chat completions: {problem}"
            )
        )

    def _sent(self, body: dict[str, object]) -> bytes:
        """The body of the answer, as nobody has read it yet."""
        known = {name: body[name] for name in ("model", "messages")}
        rest = {name: value for name, value in body.items() if name not in known}
        raw = self._client.chat.completions.with_raw_response.create(**known, extra_body=rest)
        content: bytes = raw.http_response.content
        return content

    def _answers(self, found: _Completion, seconds: float, bound: Usage) -> list[Answer]:
        counted = found.usage
        read = counted.prompt_tokens if counted is not None else bound.input_tokens
        written = counted.completion_tokens if counted is not None else bound.output_tokens
        return [
            Answer(
                text=self._without_key(_THOUGHTS.sub("", choice.message.content or "")),
                tokens=_tokens(choice.logprobs),
                requests=int(number == 0),
                input_tokens=read if number == 0 else 0,
                output_tokens=written if number == 0 else 0,
                seconds=seconds if number == 0 else 0.0,
            )
            for number, choice in enumerate(found.choices)
        ]

    def _check_model(self, answering: str | None) -> None:
        """A server may say a version of the model, or where it lies."""
        asked = self._endpoint.model
        if answering is None or answering.startswith(asked) or answering.rsplit("/")[-1] == asked.rsplit("/")[-1]:
            return
        raise ModelError(
            self._without_key(
                f"{self._name()} answers with the model '{answering[:200]}', and '{asked}' was asked: name that as model, or have the "
                "server load the other"
            )
        )

    def _refusal(self, error: "APIStatusError") -> DistilError:
        said = self._without_key(f"{self._name()} answers {error.status_code}: {first_line(error)}")
        if error.status_code in _REFUSED:
            key = self._endpoint.key_env
            return UserError(
                f"{said}; look whether the key in the environment variable {key} is right"
                if key
                else f"{said}; put a key into the environment, and its variable's name into key_env"
            )
        if error.status_code == 404:
            return ModelError(f"{said}; look whether url ends with the version (/v1) and the server has the model")
        if error.status_code == 429 or error.status_code >= 500 or error.status_code in (408, 409):
            return EndpointError(f"{said}, after {self._endpoint.retries} more tries; run again later to go on")
        return _BadRequestError(f"{said}; put the teacher's settings right, or ask another server")

    def _name(self) -> str:
        return f"the server at {self._url}"

    def _without_key(self, text: str) -> str:
        return text if self._key == _NO_KEY else text.replace(self._key, "***")


class _Pace:
    """Lets requests begin one after the other, so many in a minute."""

    def __init__(self, per_minute: int | None) -> None:
        self._between = 60.0 / per_minute if per_minute is not None else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Return when it is the caller's turn."""
        if not self._between:
            return
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + self._between
        time.sleep(turn - now)


def _tokens(found: _Tokens | None) -> list[Token]:
    if found is None or found.content is None:
        return []
    return [
        Token(
            text=token.token,
            log_p=token.logprob,
            others=[(one.token, one.logprob) for one in token.top_logprobs or [] if one.logprob is not None],
        )
        for token in found.content
        if token.logprob is not None
    ]


def _url(endpoint: Endpoint) -> str:
    if endpoint.url is not None:
        return endpoint.url
    name = endpoint.url_env or ""
    url = os.environ.get(name, "").strip()
    if not url:
        raise UserError(
            f"endpoint.url_env: the environment has no {name}: put the server's URL there (export {name}=http://127.0.0.1:8000/v1, say)"
        )
    try:
        return checked_url(url)
    except ValueError as error:
        raise UserError(f"endpoint.url_env: the URL in the environment variable {name}: {error}") from None


def _key(endpoint: Endpoint) -> str:
    if endpoint.key_env is None:
        return _NO_KEY
    key = os.environ.get(endpoint.key_env, "").strip()
    if not key:
        raise UserError(
            f"endpoint.key_env: the environment has no {endpoint.key_env}: put the key there (export {endpoint.key_env}=...), or drop "
            "key_env for a server that needs none"
        )
    return key


def _client(endpoint: Endpoint, url: str, key: str) -> "OpenAI":
    need("a server with a language model", "openai")
    from openai import Omit, OpenAI

    # What the environment says of OpenAI's own server is nothing to another one.
    omitted = {"OpenAI-Organization": Omit(), "OpenAI-Project": Omit()}
    return OpenAI(
        api_key=key,
        base_url=url,
        timeout=endpoint.timeout_s,
        max_retries=endpoint.retries,
        default_headers=omitted,
    )


def _why(error: "APIConnectionError") -> str:
    """What a connection failed of: the client's own words are the same for all."""
    return first_line(error.__cause__ or error)
