"""The client of a server with the interface of OpenAI's chat completions: its key, and what it does not do."""

import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast

from distil.framework.chat.section import Endpoint, checked_url
from distil.framework.errors import ModelError, UserError, first_line
from distil.framework.extras import need

if TYPE_CHECKING:
    from httpx2 import Request, Response
    from openai import OpenAI

_REFUSAL = 2**16  # bytes of the words in which a server refuses something
NO_KEY = "none"  # without one the client would take what the environment has for another server


class PackedError(Exception):
    """An answer that would have to be unpacked."""


class OtherModelError(ModelError):
    """An answer of another model, or about other tokens; it is paid for."""


class UnansweredError(Exception):
    """A request that was sent, and of which nothing has come back: it may be paid for."""


class Pace:
    """Lets requests begin one after the other, so many in a minute."""

    def __init__(self, per_minute: int | None) -> None:
        """per_minute: None: as they come."""
        self._between = 60.0 / per_minute if per_minute is not None else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self, stopped: threading.Event) -> None:
        """Return when it is the caller's turn, or when all has stopped."""
        if not self._between:
            return
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + self._between
        stopped.wait(turn - now)


def missing(endpoint: Endpoint) -> str | None:
    """What the environment lacks, the URL or the key, in words; None if it has what is needed."""
    url, key = endpoint.url_env, endpoint.key_env
    if url is not None and not _variable(url):
        return f"endpoint.url_env: the environment has no {url}: put the server's URL there (export {url}=http://127.0.0.1:8000/v1, say)"
    if key is not None and not _variable(key):
        return (
            f"endpoint.key_env: the environment has no {key}: put the key there (export {key}=...), or drop key_env for a server that "
            "needs none"
        )
    return None


def url_of(endpoint: Endpoint) -> str:
    """The URL from the recipe or the environment. Raises UserError where that lacks it, or the key, or has none that is one."""
    if (problem := missing(endpoint)) is not None:
        raise UserError(problem)
    if endpoint.url is not None:
        return endpoint.url
    name = endpoint.url_env or ""
    try:
        return checked_url(_variable(name))
    except ValueError as error:
        raise UserError(f"endpoint.url_env: the URL in the environment variable {name}: {error}") from None


def key_of(endpoint: Endpoint) -> str:
    """The key from the environment, or what stands for none. Raises UserError where the environment lacks it."""
    if (problem := missing(endpoint)) is not None:
        raise UserError(problem)
    return NO_KEY if endpoint.key_env is None else _variable(endpoint.key_env)


def open_client(endpoint: Endpoint, url: str, key: str, before: Callable[[], None]) -> "OpenAI":
    """A client that sends again by itself what was refused for now, or did not reach the server; before: called each time that something
    is about to be sent. Raises MissingPackageError."""
    need("a server with a language model", "openai")
    from httpx2 import SyncByteStream
    from openai import DefaultHttpxClient, Omit, OpenAI

    from distil.framework.chat.beginning import Beginning

    def sent(request: "Request") -> None:
        before()
        request.extensions = {**request.extensions, "trace": _told}

    def received(response: "Response") -> None:
        _refuse_packed(response)
        if not response.is_success:  # which the client reads to its end
            assert isinstance(response.stream, SyncByteStream)
            response.stream = Beginning(response.stream, _REFUSAL, endpoint.timeout_s)

    # What the environment says of OpenAI's own server is nothing to another one.
    headers = {"OpenAI-Organization": Omit(), "OpenAI-Project": Omit(), "Accept-Encoding": "identity"}
    return OpenAI(
        api_key=key,
        base_url=url,
        timeout=endpoint.timeout_s,
        max_retries=endpoint.retries,
        default_headers=cast("Mapping[str, str]", headers),  # Omit is taken, too
        # Neither keys nor texts go to where a server points.
        http_client=DefaultHttpxClient(follow_redirects=False, event_hooks={"request": [sent], "response": [received]}),
    )


def _variable(name: str) -> str:
    return os.environ.get(name, "").strip()


def _told(event: str, about: Mapping[str, object]) -> None:
    """What the transport tells of its work (https://www.python-httpx.org/advanced/extensions/). The client would send again at once what
    was sent already, whatever that costs."""
    error = about.get("exception")
    if event.endswith("receive_response_headers.failed") and isinstance(error, Exception):
        raise UnansweredError(first_line(error)) from None


def _refuse_packed(response: "Response") -> None:
    """A small answer may be packed that fills all memory once it is unpacked."""
    packing = response.headers.get("content-encoding", "identity")
    if packing != "identity":
        raise PackedError(f"it is packed ({packing}), which nobody has asked for")


def open_in_words(endpoint: Endpoint, url: str) -> str:
    """What to know of plain http to another machine."""
    key = ", the key too" if endpoint.key_env else ""
    return f"what is sent to {url} can be read on its way there{key}: use https, or a tunnel"
