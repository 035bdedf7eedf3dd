"""The server, on a real run with three teachers and their ensemble."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from distil.framework.errors import ModelError, OutputError
from distil.framework.files import write_sealed
from distil.framework.recipe.load import recipe_from_values
from distil.framework.results import read_results
from distil.framework.run import run
from distil.framework.tasks.span_qa.usage import QuestionRequest
from distil.launch.commands import app
from distil.launch.guard import guarded
from distil.launch.serve import serve
from distil.launch.serve_models import Models, answerer_of, models_in
from tests.questions import load
from tests.serving import QUESTION, TEXT, Served, serving
from tests.tiny import several_values

ASKED = {"question": QUESTION, "context": TEXT}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = recipe_from_values(several_values(tmp_path_factory.mktemp("serve") / "runs"), "here")
    run(recipe)
    return recipe.run_folder


@pytest.fixture(scope="module")
def served(finished: Path) -> Iterator[Served]:
    with serving(finished) as server:
        yield server


def test_the_answer_is_that_of_the_command(served: Served) -> None:
    for model in ("student", "a", "ensemble"):
        status, found = served.ask({**ASKED, "model": model})
        assert status == 200
        assert found.pop("model") == model
        assert found.pop("milliseconds") > 0
        command = ["answer", str(served.run), "--model", model, "-q", QUESTION, "-c", TEXT]
        assert found == json.loads(CliRunner().invoke(app, command, catch_exceptions=False).output)
    assert served.ask(ASKED)[1]["model"] == "student"


def test_every_model_answers_as_in_the_runs_predictions(served: Served) -> None:
    """Also the ensemble, whose signals the run has stored."""
    for name in ("a", "b", "c", "ensemble", "student"):
        assert_as_predicted(served.run, models_in(served.run, None), name)


def test_an_ensemble_weighs_and_tempers_teachers_as_the_run_does(finished: Path) -> None:
    again = teachers_alone(finished, {"rule": "weighted", "weights": "f1", "tau": 5.0}, "calibrated")
    models = models_in(again, None)
    assert models.default == "a"
    assert_as_predicted(again, models, "ensemble")


def test_an_ensemble_that_needs_labels_says_why_it_cannot_answer(finished: Path) -> None:
    run = teachers_alone(finished, {"rule": "label_aware"}, 1.0)
    with pytest.raises(OutputError, match="'label_aware' weighs teachers by the right answer"):
        answerer_of(run, "ensemble")
    models = models_in(run, None)
    with pytest.raises(ModelError, match="'label_aware' weighs teachers by the right answer"):
        models.answer("ensemble", QuestionRequest(question=QUESTION, context=TEXT))


def test_trackers_of_ones_own_need_not_be_here_to_ask(finished: Path) -> None:
    path = finished / "results.json"
    kept = path.read_text(encoding="utf-8")
    results: dict[str, Any] = dict(read_results(finished))
    results["recipe"]["tracking"]["also"] = [{"kind": "of_another_machine:Tracker"}]
    write_sealed(path, results)
    try:
        assert models_in(finished, None).answer("a", QuestionRequest(question=QUESTION, context=TEXT))["model"] == "a"
    finally:
        path.write_text(kept, encoding="utf-8")


def teachers_alone(finished: Path, ensemble: dict[str, Any], temperature: Any) -> Path:
    """A run with the same teachers, which are all made already, without a student."""
    changes = {"student": None, "losses": None, "ensemble": ensemble, "teachers__a__temperature": temperature}
    changes |= {"signals__held_out": "train"}
    recipe = recipe_from_values(several_values(finished.parent, **changes), "here")
    run(recipe)
    return recipe.run_folder


def assert_as_predicted(folder: Path, models: Models, name: str) -> None:
    """A model answers questions of the evaluation split as in its predictions."""
    examples = load(recipe_from_values(read_results(folder)["recipe"], "here").data)["dev"].examples
    predictions = json.loads((folder / "predictions" / f"{name}.json").read_text())
    for example in examples[:6]:
        found, expected = (
            models.answer(name, QuestionRequest(question=example.question, context=example.context)),
            predictions[example.id],
        )
        assert (found["answer"], found["start"], found["end"]) == (
            expected["answer"],
            expected["start"],
            expected["end"],
        )
        assert found["score"] == pytest.approx(expected["score"], abs=1e-4)


def test_models_are_listed_with_the_runs_figures(served: Served) -> None:
    listing = json.loads(served.request("GET", "/api/models")[2])
    results = read_results(served.run)
    assert (listing["run"], listing["default"]) == (served.run.name, "student")
    assert [model["name"] for model in listing["models"]] == ["a", "b", "c", "ensemble", "student"]
    for model, record in zip(listing["models"], results["models"], strict=True):
        assert model["role"] == record["role"]
        assert model["parameters"] == record["parameters"]
        assert [(figure["label"], figure["percent"], figure["value"]) for figure in model["metrics"]] == [
            ("EM", True, record["evaluation"]["exact_match"]),
            ("F1", True, record["evaluation"]["f1"]),
        ]
        assert model["problem"] is None


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({**ASKED, "context": "я" * (QuestionRequest.most["context"] + 1)}, 422, "200,000"),
        ({**ASKED, "question": "я" * (QuestionRequest.most["question"] + 1)}, 422, "1,000"),
        (b'{"context": "' + b"a" * 5 * 2**20 + b'"}', 413, "200,000"),
        ({**ASKED, "context": " \n"}, 422, "the context has no text"),
        ({**ASKED, "question": ""}, 422, "the question has no text"),
        ({"question": QUESTION}, 422, "context is missing"),
        ({**ASKED, "context": 3}, 422, "context has to be text"),
        ({**ASKED, "modle": "a"}, 422, "'modle'"),
        ({**ASKED, "model": "d"}, 422, "no model 'd'; there is a, b, c"),
        (b'{"question": "\\ud800", "context": "a"}', 422, "Unicode"),
        (b"{", 422, "JSON"),
        (b"[]", 422, "JSON"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_words(served: Served, body: Any, status: int, said: str) -> None:
    found, problem = served.ask(body)
    assert found == status
    assert list(problem) == ["message"]
    assert said in problem["message"]


def test_a_text_of_the_greatest_length_is_answered(served: Served) -> None:
    words = "слово " * (QuestionRequest.most["context"] // 6 + 1)
    status, found = served.ask({**ASKED, "context": words[: QuestionRequest.most["context"]]})
    assert status == 200
    assert found["answer"] == words[found["start"] : found["end"]]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:81", "[::1]:8000", "LOCALHOST"])
def test_names_of_this_machine_are_served(served: Served, host: str) -> None:
    assert served.request("GET", "/api/models", headers={"Host": host})[0] == 200


@pytest.mark.parametrize(
    "host", ["example.org", "127.0.0.1.example.org", "192.168.0.7", "", "[", "localhost@example.org"]
)
def test_other_names_are_refused(served: Served, host: str) -> None:
    for path in ("/", "/api/models", "/openapi.json"):
        status, _, body = served.request("GET", path, headers={"Host": host})
        assert status == 403
        assert "not called" in json.loads(body)["message"]


def test_a_server_for_every_address_is_reached_by_addresses_alone(finished: Path) -> None:
    with serving(finished, host="0.0.0.0") as server:
        assert server.request("GET", "/", headers={"Host": "192.168.0.7:8000"})[0] == 200
        assert server.request("GET", "/", headers={"Host": "example.org"})[0] == 403


@pytest.mark.parametrize("origin", ["https://example.org", "null", "http://localhost:1", "https://{own}"])
def test_questions_from_other_pages_are_refused(served: Served, origin: str) -> None:
    own = f"127.0.0.1:{served.port}"
    status, problem = served.ask(ASKED, {"Origin": origin.format(own=own)})
    assert status == 403
    assert "may not ask" in problem["message"]
    assert served.ask(ASKED, {"Origin": f"http://{own}"})[0] == 200


def test_a_form_of_another_page_asks_nothing(served: Served) -> None:
    """Browsers send text/plain across origins without asking first."""
    assert served.ask(ASKED, {"Content-Type": "text/plain"})[0] == 422


def test_the_page_needs_nothing_from_elsewhere(served: Served) -> None:
    for path, kind in (("/", "text/html"), ("/page.css", "text/css"), ("/page.js", "javascript")):
        status, headers, body = served.request("GET", path)
        assert (status, kind in headers["content-type"]) == (200, True)
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert b"//" not in body.replace(b"// ", b"")
        assert b"innerHTML" not in body
    status, headers, body = served.request("GET", "/docs")
    assert (status, list(json.loads(body))) == (404, ["message"])
    assert served.request("GET", "/../serve.py")[0] == 404


def test_openapi_describes_the_endpoint(served: Served) -> None:
    description = json.loads(served.request("GET", "/openapi.json")[2])
    assert set(description["paths"]) == {"/api/models", "/api/answer", "/api/stream", "/api/examples"}
    asked = description["components"]["schemas"]["Asked"]["properties"]
    assert asked["context"]["maxLength"] == QuestionRequest.most["context"]
    answered = description["components"]["schemas"]["Answered"]["properties"]
    assert list(answered) == ["answer", "score", "start", "end", "model", "milliseconds"]
    assert set(description["paths"]["/api/answer"]["post"]["responses"]) == {"200", "403", "413", "422", "500"}


def test_a_saved_model_is_served_alone(finished: Path) -> None:
    record = read_results(finished)["models"][-1]
    models = models_in(finished.parent / record["folder"], None)
    assert list(models.by_name) == ["model"]
    found = models.answer(None, QuestionRequest(question=QUESTION, context=TEXT))
    assert (
        found["answer"]
        == models_in(finished, None).answer("student", QuestionRequest(question=QUESTION, context=TEXT))["answer"]
    )


def test_a_taken_port_is_named_with_a_free_one(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def named() -> bool:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            assert guarded(lambda: serve(finished, None, "127.0.0.1", port)) == 2
        error = capsys.readouterr().err
        assert f"port {port} is taken" in error
        with suppress(OSError), socket.create_server(("127.0.0.1", int(error.split("--port ")[1]))):
            return True
        return False

    assert any(named() for _ in range(5))  # somebody else may be given that port first


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "d"], "no model 'd'"),
        (["--host", "no.such.host.invalid"], "no host 'no.such.host.invalid'"),
        (["--host", "192.0.2.1"], "cannot listen at 192.0.2.1"),
    ],
)
def test_what_cannot_be_served_is_refused(
    finished: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["serve", str(finished), "--port", "0", *arguments]
    assert guarded(lambda: app(command)) == 2
    assert said in capsys.readouterr().err


def test_interrupted_it_ends_though_an_answer_is_awaited(finished: Path) -> None:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "distil.launch.cli", "serve", str(finished), "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as server:
        try:
            assert server.stdout is not None
            assert select.select([server.stdout], [], [], 120)[0]
            port = int(server.stdout.readline().split("127.0.0.1:")[1].split(",")[0])
            assert Served(finished, port).request("GET", "/api/models")[0] == 200  # by now it takes signals
            with socket.create_connection(("127.0.0.1", port)) as waiting:
                body = json.dumps({**ASKED, "context": "слово " * 30_000}).encode()
                head = f"POST /api/answer HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                waiting.sendall(head.encode() + body)
                time.sleep(0.3)
                server.send_signal(signal.SIGINT)
                _, errors = server.communicate(timeout=120)
        finally:
            server.kill()
    assert server.returncode == 0
    assert errors == "distil: stopped\n"
