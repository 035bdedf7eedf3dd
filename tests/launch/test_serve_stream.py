"""Texts are served as they are written, and no longer than somebody reads them."""

import http.client
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import pytest

from distil.framework.answer import Answerer
from distil.framework.data.features import WindowSettings
from distil.framework.errors import ModelError
from distil.framework.tasks.base import InferenceConfig
from distil.framework.tasks.text.example import Written
from distil.framework.tasks.text.requests import PromptRequest, TextResponse, asked, respond, written
from distil.framework.tasks.text.writing import Completion
from distil.launch.serve_models import Models, ServedModel
from tests.serving import Served, asked_page, serving_models
from tests.waiting import until

TASK: Any = SimpleNamespace(
    kind="text",
    request=PromptRequest,
    request_fields=lambda: {"prompt": True},
    response=TextResponse,
    asked=asked,
    respond=respond,
    metrics=(),
)


@dataclass
class Speller:
    """Writes the prompt's letters; behind each dot it goes on only when somebody says so."""

    goes_on: threading.Event = field(default_factory=threading.Event)
    written: list[str] = field(default_factory=list)

    parameters = 0

    def predict(self, examples: list[Written], *_: Any) -> dict[str, Any]:
        raise AssertionError

    def signals(self, *_: Any) -> Any:
        raise AssertionError

    def grow(self, example: Written) -> Iterator[dict[str, Any]]:
        text = ""
        for number, letter in enumerate(example.prompt):
            if letter == "!":
                raise ModelError("no word is said so loudly")
            text += letter
            self.written.append(letter)
            yield written(Completion(text, -number - 1.0, number + 1, number + 1 == len(example.prompt)))
            if letter == ".":
                self.goes_on.wait(60)

    @cached_property
    def models(self) -> Models:
        inference = InferenceConfig(TASK, WindowSettings(), 1, "fp32")
        model = ServedModel("speller", "student", 0, [], None, lambda: Answerer(self, inference))
        return Models("spelling", "speller", {"speller": model})


@pytest.fixture
def speller() -> Speller:
    return Speller()


@pytest.fixture
def served(speller: Speller, tmp_path: Any) -> Iterator[Served]:
    with serving_models(speller.models) as port:
        yield Served(tmp_path, port)
        speller.goes_on.set()


def _begun(served: Served, path: str, prompt: str) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    connection.request("POST", path, json.dumps({"prompt": prompt}), {"Content-Type": "application/json"})
    return connection, connection.getresponse()


def _event(answer: http.client.HTTPResponse) -> dict[str, Any]:
    line = answer.readline()
    assert line.startswith(b"data: ")
    assert answer.readline() == b"\n"
    found: dict[str, Any] = json.loads(line.removeprefix(b"data: "))
    return found


def test_pieces_come_as_they_are_written_and_last_the_answer(served: Served, speller: Speller) -> None:
    connection, answer = _begun(served, "/api/stream", "é.🙂")
    assert (answer.status, answer.getheader("Content-Type")) == (200, "text/event-stream; charset=utf-8")
    assert [_event(answer) for _ in range(2)] == [{"piece": "é"}, {"piece": "."}]
    assert speller.written == ["é", "."]  # and no more before somebody says so
    speller.goes_on.set()
    assert _event(answer) == {"piece": "🙂"}
    whole = _event(answer)
    assert whole.pop("milliseconds") >= 0
    assert whole == {"text": "é.🙂", "log_probability": -3.0, "tokens": 3, "ended": True, "model": "speller"}
    assert answer.read() == b""
    connection.close()
    status, found = served.ask({"prompt": "é.🙂"})
    assert (status, {**found, "milliseconds": 0}) == (200, {**whole, "milliseconds": 0})


@pytest.mark.parametrize("path", ["/api/stream", "/api/answer"])
def test_who_leaves_stops_the_writing(
    served: Served, speller: Speller, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaving: list[threading.Event] = []

    class Noted(threading.Event):
        def __init__(self) -> None:
            super().__init__()
            leaving.append(self)

    monkeypatch.setattr("distil.launch.serve_worker._LOOK_EVERY", 0.02)  # seconds
    monkeypatch.setattr("distil.launch.serve_worker.threading", SimpleNamespace(Event=Noted))
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    body = json.dumps({"prompt": "a." + "b." * 90_000})
    connection.request("POST", path, body, {"Content-Type": "application/json"})
    until(lambda: speller.written == ["a", "."])
    connection.close()
    until(leaving[0].is_set)
    speller.goes_on.set()
    status, found = served.ask({"prompt": "next"})
    assert (status, found["text"]) == (200, "next")
    assert speller.written == ["a", ".", "b", *"next"]


def test_what_goes_wrong_on_the_way_is_said(served: Served) -> None:
    _, answer = _begun(served, "/api/stream", "ab!")
    assert [_event(answer) for _ in range(3)][-1] == {"message": "no word is said so loudly"}
    assert answer.read() == b""
    _, answer = _begun(served, "/api/stream", "!")
    assert (answer.status, json.loads(answer.read())) == (422, {"message": "no word is said so loudly"})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "give a prompt, or messages"),
        ({"prompt": "a", "messages": [{"role": "user", "content": "a"}]}, "not both"),
        ({"messages": []}, "what the user says"),
        ({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}, "what the user says"),
        ({"messages": [{"role": "robot", "content": "a"}]}, "messages.0.role: Input should be 'system', 'user' or"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages.0.content has to be text"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "has a part of type 'image_url'"),
        ({"messages": [{"role": "user"}]}, "messages.0.content is missing"),
        ({"messages": "hello"}, "messages: expected a list of turns, or JSON with one"),
        ({"prompt": "a" * 200_001}, "200,000 characters"),
        ({"promt": "a"}, "'promt' means nothing here"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(served: Served, body: dict[str, Any], said: str) -> None:
    for path in ("/api/stream", "/api/answer"):
        status, _, found = served.request("POST", path, body)
        assert status == 422
        assert said in json.loads(found)["message"]


def test_the_page_shows_a_text_as_it_grows(served: Served, speller: Speller) -> None:
    with asked_page(served, {"Prompt": "<b>\n.so"}) as page:
        sync_api = pytest.importorskip("playwright.sync_api")
        written = page.locator("#rows .written")
        sync_api.expect(written).to_have_text("<b>\n.")
        sync_api.expect(page.locator("#rows .number").first).to_have_text("")
        speller.goes_on.set()
        sync_api.expect(written).to_have_text("<b>\n.so")
        sync_api.expect(page.locator("#rows .number").first).to_have_text("0.3679")
        sync_api.expect(page.locator("#said")).to_contain_text("speller: <b>")
