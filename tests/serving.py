"""A server of `distil serve` in this process, and plain HTTP requests to it."""

import http.client
import json
import re
import shutil
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from distil.launch.serve_app import create_app
from distil.launch.serve_models import Models, models_in
from distil.launch.serve_worker import Worker

TEXT = "Евгения Ильина родилась в Братске. Она работает бухгалтером."
QUESTION = "Где родилась Евгения?"
_MOST = 120_000  # milliseconds that a browser may take for anything


@dataclass(frozen=True)
class Served:
    """A server at 127.0.0.1, which serves the models of `run`."""

    run: Path
    port: int

    def request(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the answer. body: bytes, or what becomes JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        all_headers = {"Content-Type": "application/json"} if sent is not None else {}
        try:
            connection.request(method, path, sent, {**all_headers, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def ask(self, body: Any, headers: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
        """Status and JSON of an answer to a question."""
        status, _, found = self.request("POST", "/api/answer", body, headers)
        return status, json.loads(found)


@contextmanager
def chromium() -> Iterator[Any]:
    """A real browser. Where there is none, the test is skipped."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright; install it: pip install -e '.[dev]'")
    sync_api.expect.set_options(timeout=_MOST)
    with sync_api.sync_playwright() as playwright:
        try:
            # The system's own, where there is one: playwright's has to be downloaded.
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"], timeout=_MOST
            )
        except sync_api.Error as error:
            pytest.skip(
                f"no Chromium ({error.message.splitlines()[0]}); install one: playwright install chromium, or apt-get install chromium"
            )
        yield browser
        browser.close()


def context_of(browser: Any, **options: Any) -> Any:
    """A context of its own, with these options of playwright's."""
    context = browser.new_context(**options)
    context.set_default_timeout(_MOST)
    return context


def open_page(page: Any, served: Served) -> None:
    """The page, once it knows which models are served, and so which fields to show."""
    from playwright.sync_api import expect

    page.goto(f"http://127.0.0.1:{served.port}/")
    expect(page.locator("#run")).to_have_text(re.compile("."))


def wait_for_answers(page: Any, models: int) -> None:
    """Until each of so many models has a whole row in the table."""
    from playwright.sync_api import expect

    expect(page.locator("tbody tr")).to_have_count(models)
    expect(page.locator("tbody td.number:empty")).to_have_count(0)


@contextmanager
def asked_page(served: Served, texts: Mapping[str, str]) -> Iterator[Any]:
    """The English page, in a real browser, with the answers about the texts in its fields. What it complains about fails the test."""
    with chromium() as browser:
        page = context_of(browser, locale="en-GB").new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        open_page(page, served)
        for field, text in texts.items():
            page.get_by_label(field, exact=True).fill(text)
        page.get_by_role("button", name="Ask", exact=True).click()
        yield page
        assert problems == []


@contextmanager
def serving(run: Path, host: str = "127.0.0.1") -> Iterator[Served]:
    """Serve a run on a free port. host: the one that the server takes itself to be bound to."""
    with serving_models(models_in(run, None), host) as port:
        yield Served(run, port)


@contextmanager
def serving_models(models: Models, host: str = "127.0.0.1") -> Iterator[int]:
    """The port at which models are served."""
    server = uvicorn.Server(uvicorn.Config(create_app(models, Worker(), host), log_level="critical"))
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join()
