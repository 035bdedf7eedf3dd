"""What the processes of a command listen at, a stranger who wants to have a program run there, and ports for servers of tests."""

import http.client
import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.waiting import until

RAYS = {"gcs_server", "raylet", "ray::RuntimeEnvAgent"}


@contextmanager
def reserved_port() -> Iterator[int]:
    """A port of the loopback address at which nobody listens, and that the system gives to nobody; a server that names it gets it."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do, too
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def assert_for_this_machine_alone(processes: Iterable[psutil.Process], folder: Path) -> None:
    """Every socket of these processes, with Ray's among them, listens at the loopback address, and a job that is POSTed to any of them
    is not taken. folder: where the job would leave a file `owned`."""
    processes = list(processes)

    def all_there() -> list[tuple[str, str, int]]:
        found = [one for process in processes for one in _listening(process)]
        return found if {name for name, _, _ in found} >= RAYS else []

    found = until(all_there)
    assert not [one for one in found if one[1].removeprefix("::ffff:") not in ("127.0.0.1", "::1")]
    with ThreadPoolExecutor(len(found)) as pool:  # Gloo's ports take what is sent there, and never answer
        answers = list(pool.map(lambda one: _submit(one[2], f"touch {folder}/owned"), found))
    assert 200 not in answers


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
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, http.client.HTTPException):
        return None
