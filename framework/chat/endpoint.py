"""Asking a server with the interface of OpenAI's chat completions, through its official client."""

import json
import logging
import re
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from distil.framework.chat.answers import Answer, Token, Usage
from distil.framework.chat.client import (
    NO_KEY,
    OtherModelError,
    Pace,
    PackedError,
    UnansweredError,
    key_of,
    open_client,
    open_in_words,
    url_of,
)
from distil.framework.chat.form import Completion, Counted, Tokens, is_version
from distil.framework.chat.messages import Request, without_thoughts
from distil.framework.chat.scoring import Scored, Scoring
from distil.framework.chat.section import Endpoint, is_open
from distil.framework.config import shortened
from distil.framework.errors import DistilError, ModelError, UserError, first_line

if TYPE_CHECKING:
    from openai import APIConnectionError, APIStatusError

_Form = TypeVar("_Form", Completion, Scored)
_LOG = logging.getLogger(__name__)
_MOST = 2**26  # bytes of an answer
_TOO_LONG = re.compile("context.?(length|window|size)|too (long|many tokens)|max_model_len", re.IGNORECASE)
_LONGER = "have it read more (vLLM: --max-model-len, llama.cpp: -c), lower windows.max_length or how much may be written, or leave out such texts"
_OTHERWISE = "put the teacher's settings right, or ask another server"
_OTHER_LIMIT = "max_completion_tokens"  # what some models take instead of max_tokens, and name where they refuse that
_REFUSED = {401, 403}
NO_SCORES = (
    "Where a server does not say how likely a prompt is, as vLLM does, its model writes alone: set read: completions"
)
_GARBLED = 3  # how often a request is sent that is answered, and not in the interface's form


class EndpointError(DistilError):
    """A server that does not answer, or not in the form that was expected."""


class _BadRequestError(UserError):
    """A request that a server does not take."""


class Lost(EndpointError):
    """A request without an answer, or with one of no use; it may be paid for all the same. tries: after which it is given up."""

    def __init__(self, message: str, tries: int) -> None:
        super().__init__(message)
        self.tries = tries


class _Unanswered(Lost):
    pass


class _Garbled(Lost):
    pass


class _StoppedError(Exception):
    """Nothing more is sent."""


class Server:
    """A server that is asked about requests, by several threads at once."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Raises UserError where the client is not installed or the environment lacks the key or the URL."""
        self._endpoint = endpoint
        self._url = url_of(endpoint)
        self._key = key_of(endpoint)
        self._client = open_client(endpoint, self._url, self._key, self._before)
        self._pace = Pace(endpoint.per_minute)
        self.stopped = threading.Event()
        self._takes_schemas = True
        self._other_limit = False
        if is_open(self._url):
            _LOG.warning("    %s", open_in_words(endpoint, self._url))

    def _before(self) -> None:
        """What comes before each request, those that the client sends again, too."""
        self._pace.wait(self.stopped)
        if self.stopped.is_set():
            raise _StoppedError

    def complete(self, request: Request, count: int, bound: Usage) -> list[Answer]:
        """Up to `count` answers to a request, at least one. bound: what it takes at most, for servers that do not count.

        A server that takes no JSON schemas is asked without. Raises UserError for what the server refuses, ModelError where it has
        not the model, EndpointError where it cannot be reached or refuses for now, Lost.
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
        body = {**request.body(self._endpoint.model), **({"n": count} if count > 1 else {})}
        content, seconds = self._posted(body)
        return self._answers(self._form(Completion, content), seconds, bound)

    def score(self, asked: Scoring, bound: Usage) -> Answer:
        """How likely each token is; an answer without tokens where the server does not say it. Raises as `complete` does, and ModelError
        where it reads other tokens."""
        try:
            content, seconds = self._posted(asked.body(self._endpoint.model))
        except (_BadRequestError, ModelError) as error:
            raise type(error)(f"{error}. {NO_SCORES}") from None
        found = self._form(Scored, content)
        try:
            tokens = found.tokens(asked)
        except ModelError as error:
            raise OtherModelError(self._without_key(f"{self._name()}: {error}")) from None
        usage = self._counted(found.usage, bound)
        return Answer(
            text="",
            tokens=self._cleaned(tokens),
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            seconds=seconds,
        )

    def without_likelihoods(self, scores: bool) -> ModelError:
        """What is said of a server that gives none, of prompts (`scores`) or of what it writes."""
        if scores:
            return ModelError(f"{self._name()} does not say how likely a prompt's tokens are. {NO_SCORES}")
        return ModelError(f"{self._name()} gives no likelihoods of tokens (logprobs): set read: votes")

    def _posted(self, body: dict[str, object]) -> tuple[bytes, float]:
        """See `_sent`; what goes wrong in the words of this module."""
        from openai import APIConnectionError, APIStatusError, OpenAIError

        other_limit = self._other_limit
        try:
            return self._sent(body, other_limit)
        except APIStatusError as error:
            if other_limit or error.status_code != 400 or _OTHER_LIMIT not in str(error) or "prompt" in body:
                raise self._refusal(error) from None
            self._other_limit = True  # for all that come after
            return self._posted(body)
        except PackedError as error:
            raise self._garbled(str(error)) from None
        except UnansweredError as error:
            said = self._without_key(f"{self._name()} does not answer: {error}")
            raise _Unanswered(said, self._endpoint.retries + 1) from None
        except APIConnectionError as error:
            said = f"{self._name()} does not answer: {_why(error)}; look whether it runs there, and run again to go on"
            raise EndpointError(self._without_key(said)) from None
        except OpenAIError as error:
            raise EndpointError(self._without_key(f"{self._name()}: {first_line(error)}; run again to go on")) from None

    def _form(self, form: type[_Form], content: bytes) -> _Form:
        """What was answered, by a model that is the one that was asked."""
        try:
            found = form.model_validate_json(content)
        except ValidationError as error:
            (first, *_) = error.errors(include_input=False, include_url=False)
            place = ".".join(map(str, first["loc"]))
            raise self._garbled(f"{place}: {first['msg']}" if place else first["msg"]) from None
        self._check_model(found.model)
        return found

    def _sent(self, body: dict[str, object], other_limit: bool) -> tuple[bytes, float]:
        """The body of the answer, as nobody has read it yet, and the seconds that it took since it was sent for the last time; no more
        of it, and for no longer, than an answer takes."""
        known = {name: body[name] for name in ("model", "messages", "prompt") if name in body}
        rest = {name: value for name, value in body.items() if name not in known}
        scores = "prompt" in body
        if other_limit and not scores:
            rest[_OTHER_LIMIT] = rest.pop("max_tokens")
        client = self._client.completions if scores else self._client.chat.completions
        with client.with_streaming_response.create(**known, extra_body=rest) as response:  # type: ignore[call-overload]
            content, until = b"", time.monotonic() + self._endpoint.timeout_s
            try:
                for part in response.iter_bytes():
                    content += part
                    if len(content) > _MOST or time.monotonic() > until:
                        break
                else:
                    return content, response.elapsed.total_seconds()
            except Exception as error:  # what reading raises is the transport's own, of which there are several
                raise self._garbled(f"it was cut short ({first_line(error)})") from None
        raise self._garbled(f"it has no end ({len(content):,} bytes so far)")

    def _garbled(self, problem: str) -> Lost:
        said = f"{self._name()} answered in another form than that of completions: {problem}"
        return _Garbled(shortened(self._without_key(said), 600), _GARBLED)

    def _answers(self, found: Completion, seconds: float, bound: Usage) -> list[Answer]:
        usage = self._counted(found.usage, bound)
        return [
            Answer(
                text=self._without_key(without_thoughts(choice.message.content or "")),
                tokens=self._tokens(choice.logprobs),
                requests=int(number == 0),
                input_tokens=usage.input_tokens if number == 0 else 0,
                output_tokens=usage.output_tokens if number == 0 else 0,
                seconds=seconds if number == 0 else 0.0,
                cut=choice.finish_reason == "length",
            )
            for number, choice in enumerate(found.choices)
        ]

    @staticmethod
    def _counted(counted: Counted | None, bound: Usage) -> Usage:
        return bound if counted is None else Usage(1, counted.prompt_tokens, counted.completion_tokens)

    def _tokens(self, found: Tokens | None) -> list[Token]:
        if found is None or found.content is None:
            return []
        return self._cleaned(
            Token(
                text=token.token,
                log_p=token.logprob,
                others=[(one.token, one.logprob) for one in token.top_logprobs or [] if one.logprob is not None],
            )
            for token in found.content
            if token.logprob is not None
        )

    def _cleaned(self, tokens: Iterable[Token]) -> list[Token]:
        clean = self._without_key
        return [
            Token(text=clean(one.text), log_p=one.log_p, others=[(clean(name), log_p) for name, log_p in one.others])
            for one in tokens
        ]

    def _check_model(self, answering: str | None) -> None:
        """A server may say a version of the model, or where it lies."""
        asked = self._endpoint.model
        if answering is None or is_version(answering.split("/")[-1], asked.split("/")[-1]):
            return
        answered = shortened(self._without_key(answering), 200)
        raise OtherModelError(
            f"{self._name()} answers with the model '{answered}', and '{asked}' was asked: name that as model, or have the server load the "
            "other"
        )

    def _refusal(self, error: "APIStatusError") -> DistilError:
        told = shortened(self._without_key(_told(error)), 300)  # a part of a key would be a key's, too
        said = f"{self._name()} answers {error.status_code}{told}"
        if error.status_code in _REFUSED:
            key = self._endpoint.key_env
            return UserError(
                f"{said}; look whether the key in the environment variable {key} is right"
                if key
                else f"{said}; put a key into the environment, and its variable's name into key_env"
            )
        if 300 <= error.status_code < 400:
            return UserError(f"{said}; nothing is sent on elsewhere: put the address of the server itself into url")
        if error.status_code == 404:
            return ModelError(f"{said}; look whether url ends with the version (/v1) and the server has the model")
        if error.status_code == 429 or error.status_code >= 500 or error.status_code in (408, 409):
            wait = error.response.headers.get("retry-after")
            asks = f" and asks to wait (Retry-After: {shortened(self._without_key(wait), 50)})" if wait else ""
            return EndpointError(
                f"{said}{asks}, after up to {self._endpoint.retries} more tries; run again later to go on"
            )
        return _BadRequestError(f"{said}; {_LONGER if _TOO_LONG.search(told) else _OTHERWISE}")

    def _name(self) -> str:
        return f"the server at {self._url}"

    def _without_key(self, text: str) -> str:
        return text if self._key == NO_KEY else text.replace(self._key, "***")


def _why(error: "APIConnectionError") -> str:
    """What a connection failed of: the client's own words are the same for all."""
    return first_line(error.__cause__ or error)


def _told(error: "APIStatusError") -> str:
    """What a server says beside a status: of a form that the client knows its message, of another one as it is."""
    message = " ".join(str(error).split()).removeprefix(f"Error code: {error.status_code}").removeprefix(" - ")
    if not message and error.body:
        message = error.body if isinstance(error.body, str) else json.dumps(error.body, ensure_ascii=False)
    return f": {' '.join(message.split())}" if message else ""
