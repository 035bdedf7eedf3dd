import os
import runpy
import socket
import subprocess
import sys
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

from distil.framework.errors import TrackingError
from distil.framework.progress import Silent
from distil.framework.recipe.sections import Tracking
from distil.tracking import client
from distil.tracking.live import LiveSync
from distil.tracking.mlflow_sync import sync
from tests.forked import Command
from tests.listening import reserved_port
from tests.waiting import until


class Said(Silent):
    def __init__(self):
        self.lines = []

    def say(self, message):
        self.lines.append(message)


def _serve(arguments):
    """`mlflow server` in this process, which has MLflow imported, its worker as well, for which it would begin another."""
    from mlflow import server
    from mlflow.cli import cli

    def work(command, extra_env, **_):
        os.environ.update(extra_env)
        sys.argv = command[2:]
        runpy.run_module("uvicorn", run_name="__main__")

    for number in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), number)
    server._exec_cmd = work
    cli(["server", *arguments])


class Server:
    """An MLflow server at a port, over a database that outlives it."""

    def __init__(self, folder, database, port):
        self.port = port
        self.uri = f"http://127.0.0.1:{self.port}"
        self._folder, self._database = folder, database
        self._process = None

    def start(self):
        place = ["--backend-store-uri", f"sqlite:///{self._database}", "--artifacts-destination", str(self._folder)]
        where = ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        environment = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        self._process = Command(_serve, ([*where, *place],), environment)
        until(self._answers)

    def kill(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=120)
            self._process = None

    def _answers(self):
        assert self._process.poll() is None, "the server has ended"
        try:
            return urllib.request.urlopen(f"{self.uri}/health", timeout=10).status == 200
        except OSError:
            return False


@pytest.fixture
def server(tmp_path, run, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "120")
    client.create_tables(run.output / "mlflow.db")
    with reserved_port() as port:
        one = Server(tmp_path / "artifacts", run.output / "mlflow.db", port)
        yield one
        one.kill()


def test_a_run_is_tracked_while_it_goes_on(run, seen):
    said = Said()
    with LiveSync(run.folder, Tracking(log_models=False), said, every=0.05) as live:
        run.add_model("student", "student", steps=7)
        until(lambda: live.report is not None and live.report.run_id is not None)
        (parent,) = seen().parents()
        assert parent.info.status == "RUNNING"
        run.write_history("student", 12)
        run.evaluate("student")
        run.finish()
    (parent,) = seen().parents()
    assert parent.info.status == "FINISHED"
    assert [step for step, _ in seen().rows(seen().children(parent)["student"], "loss")] == list(range(1, 13))
    assert (live.error, said.lines) == (None, [])


def test_a_run_that_never_wrote_results_is_not_tracked_and_is_no_failure(tmp_path):
    said = Said()
    with LiveSync(tmp_path / "none", Tracking(), said, every=0.05) as live:
        pass
    assert (live.report, live.error, said.lines) == (None, None, [])


def test_the_error_of_a_run_passes_through(run):
    with pytest.raises(ZeroDivisionError), LiveSync(run.folder, Tracking()):
        _ = 1 / 0


def test_a_server_killed_on_the_way_gets_the_rest_later_once(run, seen, server):
    server.start()
    tracking, said = Tracking(uri=server.uri, log_models=False), Said()
    with LiveSync(run.folder, tracking, said, every=0.05) as live:
        run.add_model("student", "student", steps=300)
        until(lambda: _sent(run, 300))
        server.kill()
        run.write_history("student", 700)
        until(lambda: live.error is not None)
        run.evaluate("student")
        run.finish()
    assert isinstance(live.error, TrackingError)
    (line,) = said.lines
    assert line.startswith(f"tracking at {server.uri} does not answer (")
    assert line.endswith(f"the run goes on, results are on disk; send them later with `distil track {run.folder}`")

    server.start()
    report = sync(run.folder, tracking, final=True)
    store = seen(server.uri)
    (parent,) = store.parents()
    student = store.children(parent)["student"]
    assert parent.info.run_id == report.run_id
    assert (parent.info.status, student.info.status) == ("FINISHED", "FINISHED")
    assert store.rows(student, "loss") == [(step, 3 / step) for step in range(1, 701)]
    assert store.rows(student, "epoch/loss") == [(step, 4 / step) for step in range(5, 701, 5)]
    assert store.rows(student, "exact_match") == [(0, 61.25)]
    assert "predictions/student.json" in store.files(parent)
    assert report.metrics < 700 * 3 + 140, "what had been sent before was not sent again"
    assert sync(run.folder, tracking, final=True).metrics == 0

    folder = run.output / "store" / "models" / "student" / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    report = sync(run.folder, Tracking(uri=server.uri), final=True)
    assert (report.models, report.metrics) == (1, 4)
    assert store.rows(store.children(parent)["student"], "f1") == [(0, 70.5)], "the model has it as well, the run once"
    (output,) = store.children(parent)["student"].outputs.model_outputs
    files = store.client.list_logged_model_artifacts(output.model_id, "artifacts/model")
    assert [(file.path, file.file_size) for file in files] == [("artifacts/model/config.json", 2)]


def _sent(run, step):
    cursor = run.folder / "tracked.json"
    return cursor.exists() and f'"step": {step}' in cursor.read_text()


@pytest.mark.timeout(300)
def test_a_run_that_is_stopped_waits_for_no_server(run, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "100000")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        tracking = Tracking(uri=f"http://127.0.0.1:{deaf.getsockname()[1]}")
        with suppress(KeyboardInterrupt), LiveSync(run.folder, tracking, every=0.05, patience=100000) as live:
            asked, _ = deaf.accept()
            raise KeyboardInterrupt
        assert live._thread.is_alive()
        asked.close()
    until(lambda: not live._thread.is_alive())  # what it complains of reaches no other test


def test_of_a_run_that_is_stopped_the_models_are_sent_when_it_goes_on(run, seen):
    run.add_model("student", "student", steps=5)
    run.evaluate("student")
    folder = run.output / "store" / "models" / "student" / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    with suppress(KeyboardInterrupt), LiveSync(run.folder, Tracking()) as live:
        run.finish("failed")
        raise KeyboardInterrupt
    until(lambda: not live._thread.is_alive())  # it may have looked before the run had ended
    assert (live.error, live.report.models) == (None, 0)
    (parent,) = seen().parents()
    assert parent.info.status == "FAILED"
    assert sync(run.folder, Tracking(), final=True).models == 1


HANGING = """
import sys
from pathlib import Path
from distil.framework.progress import Silent
from distil.framework.recipe.sections import Tracking
from distil.tracking.live import LiveSync

class Said(Silent):
    def say(self, message):
        print(message)

with LiveSync(Path(sys.argv[1]), Tracking(uri=sys.argv[2]), Said(), every=0.05, patience=1.0) as live:
    print("the run", sys.stdin.readline().strip())
print(type(live.error).__name__)
"""


def test_a_server_that_never_answers_holds_neither_the_run_nor_the_process(run):
    root = Path(__file__).parents[2]
    environment = os.environ | {"MLFLOW_HTTP_REQUEST_TIMEOUT": "100000", "PYTHONPATH": str(root)}
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        uri = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        command = [sys.executable, "-c", HANGING, str(run.folder), uri]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(command, env=environment, text=True, **pipes) as process:
            try:
                connection, _ = deaf.accept()
                with connection:
                    assert connection.recv(3) == b"GET"
                    output, errors = process.communicate("has done its work\n", timeout=120)
            finally:
                process.kill()
    assert (process.returncode, errors) == (0, "")
    first, warning, error = output.splitlines()
    assert (first, error) == ("the run has done its work", "TimeoutError")
    assert warning.startswith("tracking got nothing through for 1 seconds; the run goes on, results are on disk;")


def test_mlflow_is_there_before_another_thread_can_import_it(tmp_path):
    code = """
import sys
from pathlib import Path
from distil.framework.recipe.sections import Tracking
from distil.tracking.live import LiveSync

with LiveSync(Path.cwd(), Tracking(), every=60):
    print("mlflow.client" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["True"]
