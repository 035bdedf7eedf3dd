"""What the processes of a command listen at, a stranger who wants to have a program run there, and ports for servers of tests."""

import http.client
import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

AGENT = 52365  # Ray's own choice
RAYS = {"gcs_server", "raylet", "ray::DashboardAgent", "ray::RuntimeEnvAgent"}


@contextmanager
def reserved_port() -> Iterator[int]:
    """A port of the loopback address at which nobody listens, and that the system gives to nobody; a server that names it gets it."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do, too
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def assert_for_this_machine_alone(processes: Iterable[psutil.Process], folder: Path) -> None:
    """Every socket of these processes, with Ray's among them, listens at the loopback address, and a job that is POSTed to them
    is not taken. folder: where the job would leave a file `owned`.

    Ray's agent is given two minutes to answer. It takes jobs at one port, and nowhere if another Ray had that when it began."""
    processes, until = list(processes), time.monotonic() + 120
    while True:
        found = [one for process in processes for one in _listening(process)]
        assert not [one for one in found if one[1].removeprefix("::ffff:") not in ("127.0.0.1", "::1")]
        answers = {
            port: _submit(port, f"touch {folder}/owned") for name, _, port in found if name == "ray::DashboardAgent"
        }
        assert 200 not in answers.values()
        if {name for name, _, _ in found} >= RAYS and answers.get(AGENT, 401) == 401:
            return
        assert time.monotonic() < until, (found, answers)
        time.sleep(0.5)


def _listening(process: psutil.Process) -> list[tuple[str, str, int]]:
    try:
        return [
            (process.name(), one.laddr.ip, one.laddr.port)
            for one in process.net_connections("tcp")
            if one.status == psutil.CONN_LISTEN
        ]
    except psutil.Error:  # it has just ended
        return []


def _submit(port: int, entrypoint: str) -> int | None:
    """The status of the answer; None if the port does not speak HTTP."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/job_agent/jobs/",
        data=json.dumps({"entrypoint": entrypoint}).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, http.client.HTTPException):
        return None
