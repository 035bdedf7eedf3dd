"""Ray's workers in processes that have everything imported: of most workers in tests, that is the most.

Ray starts this file where it would start its `setup_worker.py`, which imports Ray, sets the environment of a worker and starts
another Python that imports Ray once more. This file has a worker forked from a process that has imported all but Ray and distil,
and waits until it has ended. The worker is in all else Ray's: its command line, environment, folder, output and signals.
"""

import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

_ADDRESS = "RAY_WORKERS_ARE_FORKED_BY"  # of the process that forks them, in the environment of Ray's processes
_OURS = ("framework", "launch", "tracking", "tests")  # which a worker gets from the driver, or from its cluster


@contextmanager
def forked_workers() -> Iterator[None]:
    """Workers of clusters that this process begins are forked, by a process that ends with the context."""
    from tests.forked import SERVER

    with _listener() as listener:
        process = SERVER.Process(target=_serve, args=(listener,), daemon=True)
        process.start()
        try:
            with _asked_at(listener):
                yield
        finally:
            process.kill()
            process.join()


@contextmanager
def workers_forked_here() -> Iterator[None]:
    """Likewise, by a process that is forked from this one, which has not imported Ray yet, and ends with it."""
    with _listener() as listener:
        if os.fork() == 0:
            _serve(listener)
        with _asked_at(listener):
            yield


@contextmanager
def _listener() -> Iterator[socket.socket]:
    with TemporaryDirectory(prefix="workers-") as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/asked")
        listener.listen(100)
        yield listener


@contextmanager
def _asked_at(listener: socket.socket) -> Iterator[None]:
    """Have Ray ask there for workers. They are as urgent as other processes: Ray would have them wait for those."""
    from launch.quiet import be_quiet

    be_quiet()  # as distil does before it imports Ray
    from ray._private import ray_constants

    before = ray_constants.SETUP_WORKER_FILENAME
    ray_constants.SETUP_WORKER_FILENAME = str(Path(__file__).resolve())
    os.environ |= {_ADDRESS: listener.getsockname(), "RAY_worker_niceness": "0"}
    try:
        yield
    finally:
        ray_constants.SETUP_WORKER_FILENAME = before
        for name in (_ADDRESS, "RAY_worker_niceness"):
            os.environ.pop(name, None)


def _serve(listener: socket.socket) -> None:
    """Fork the workers that are asked for, until the process ends that forked this one."""
    import ctypes
    import traceback

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who has ended is forgotten
    while True:
        asking, _ = listener.accept()
        _, outputs, *_ = socket.recv_fds(asking, 1, 2)
        with asking.makefile("rb") as file:
            asked = json.load(file)
        if os.fork() == 0:
            listener.close()
            try:
                _work(asked, outputs)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)
        for each in outputs:
            os.close(each)
        asking.close()  # a worker holds it until it ends


def _work(asked: dict[str, Any], outputs: list[int]) -> None:
    """What Ray's `setup_worker.py` does, and then the worker."""
    import atexit
    import gc
    import runpy

    assert "ray" not in sys.modules  # which reads much of the environment when it is imported, and keeps it
    gc.freeze()
    for number, output in zip((1, 2), outputs, strict=True):
        os.dup2(output, number)
        os.close(output)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, asked["blocked"])
    given, arguments = _context(asked["arguments"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.environ.update({name: os.path.expandvars(value) for name, value in (given.get("env_vars") or {}).items()})
    os.chdir(asked["folder"])
    for name in [name for name in sys.modules if name.partition(".")[0] in _OURS]:
        del sys.modules[name]
    sys.path[:0] = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.argv = arguments
    runpy.run_path(arguments[0], run_name="__main__")
    atexit._run_exitfuncs()
    os._exit(0)


def _context(arguments: list[str]) -> tuple[dict[str, Any], list[str]]:
    """Ray's settings for the worker's environment, and the worker's own command line."""
    options = ("--serialized-runtime-env-context=", "--language=")
    (context,) = [one.removeprefix(options[0]) for one in arguments if one.startswith(options[0])] or ["{}"]
    return json.loads(context), [one for one in arguments if not one.startswith(options)]


def _ask() -> None:
    """Ask for the worker of this command line."""
    asked = {
        "arguments": sys.argv[1:],
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    }
    with socket.socket(socket.AF_UNIX) as forking:
        forking.connect(os.environ[_ADDRESS])
        socket.send_fds(forking, [b"."], [1, 2])
        forking.sendall(json.dumps(asked).encode())
        forking.shutdown(socket.SHUT_WR)
        forking.recv(1)


if __name__ == "__main__":
    _ask()
