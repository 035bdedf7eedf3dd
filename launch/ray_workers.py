"""Ray's workers on this machine, forked from a process that has imported what they need: of what a worker does until its first step,
imports are the most.

Ray starts this file where it would start its `setup_worker.py`, which imports Ray, sets the environment of a worker and starts
another Python that imports Ray once more. This file has a worker forked, and waits until it has ended; where nobody forks any more, it
runs Ray's own. The worker is in all else Ray's: its command line, environment, folder, output and signals.
"""

import atexit
import ctypes
import gc
import json
import os
import runpy
import signal
import socket
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from select import select
from tempfile import TemporaryDirectory
from typing import Any

_ADDRESS = "RAY_WORKERS_ARE_FORKED_BY"  # of the process that forks them, in the environment of Ray's processes
_OWN_SETUP = "RAY_WORKERS_SETUP"  # Ray's own file
_LONGEST = 4096  # bytes of a path
_OURS = ("distil", "tests")
# What takes long of what a training, a teacher and Ray import: with Ray itself once its environment is known, which it reads then.
_BEFORE_RAY = ("pandas", "pyarrow", "transformers.models.auto.modeling_auto", "transformers.modeling_utils")
_RAY = ("ray.train.torch", "ray.train.v2.api.config", "ray.tune", "ray.util.queue")
_ended_by = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ahead: list[str] = []  # where workers of the clusters that this process begins are forked


@contextmanager
def workers_ahead() -> Iterator[None]:
    """Have workers of clusters that begin here within the context forked by a process that is forked from this one now.

    Before anything is computed and any thread begun, which would be missing there, and before Ray is imported. Where there are GPUs
    Ray starts its workers itself: a process that has looked at GPUs cannot be forked.
    """
    from distil.launch.ray_cluster import begins_here, gpu_count

    if "ray" in sys.modules or not begins_here() or gpu_count() > 0:
        yield
        return
    with listening() as listener:
        process = os.fork()
        if process == 0:
            serve_clusters(listener)
        _ahead.append(listener.getsockname())
        try:
            yield
        finally:
            _ahead.pop()
            _end(process)


def _end(process: int) -> None:
    """End the process that forks workers, with those that are still there."""
    import psutil

    with suppress(psutil.NoSuchProcess):
        below = psutil.Process(process).children(recursive=True)
        for pid in (process, *(one.pid for one in below)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    os.waitpid(process, 0)


@contextmanager
def forked_where_prepared() -> Iterator[None]:
    """Have Ray ask for its workers where they are forked, if that has been prepared."""
    if not _ahead:
        yield
        return
    with _cluster_served(_ahead[-1]) as address, asked_at(address):
        yield


@contextmanager
def _cluster_served(prepared: str) -> Iterator[str]:
    """Where the workers of one cluster are forked, by a process of their own which ends with the context: Ray keeps what it has read of
    its cluster when it was imported. prepared: where such processes are forked."""
    with TemporaryDirectory(prefix="workers-") as folder, socket.socket(socket.AF_UNIX) as asking:
        address = f"{folder}/asked"
        with suppress(OSError):  # where nobody forks any more, Ray starts its workers itself
            asking.connect(prepared)
            asking.sendall(address.encode())
            asking.recv(1)  # it listens
        yield address


def serve_clusters(listener: socket.socket) -> None:
    """Fork a process for each cluster that is asked for, which forks its workers, until the process ends that forked this one; never
    returns."""
    _stand_by()
    for name in _BEFORE_RAY:
        import_module(name)
    while True:
        asking, _ = listener.accept()
        address = asking.recv(_LONGEST).decode()
        if os.fork() == 0:
            listener.close()
            with socket.socket(socket.AF_UNIX) as own:
                own.bind(address)
                own.listen(100)
                asking.sendall(b".")
                serve(own, as_here=True, one_job=True, until=asking)
        asking.close()


@contextmanager
def listening() -> Iterator[socket.socket]:
    """A socket to ask at, in a folder into which nobody else may look."""
    with TemporaryDirectory(prefix="workers-") as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/asked")
        listener.listen(100)
        yield listener


@contextmanager
def asked_at(address: str) -> Iterator[None]:
    """Have the Ray that begins within ask there for its workers."""
    from ray._private import ray_constants
    from ray._private.workers import __path__ as workers

    before = ray_constants.SETUP_WORKER_FILENAME
    ray_constants.SETUP_WORKER_FILENAME = str(Path(__file__).resolve())
    os.environ |= {_ADDRESS: address, _OWN_SETUP: str(Path(workers[0]) / before)}
    try:
        yield
    finally:
        ray_constants.SETUP_WORKER_FILENAME = before
        for name in (_ADDRESS, _OWN_SETUP):
            os.environ.pop(name, None)


def serve(listener: socket.socket, as_here: bool, one_job: bool, until: socket.socket | None = None) -> None:
    """Fork the workers that are asked for, until the process ends that forked this one, or the other end of `until` is closed; never
    returns.

    as_here: whether workers have the modules of this process, else those of distil are imported anew: from the driver, or its cluster;
    one_job: whether all are of one job of Ray's, which keeps what it has read of its job when it was imported.
    """
    _stand_by()
    waiting = list(_RAY if one_job else ())
    while True:
        if until is not None and until in select([listener, until], [], [])[0]:
            os._exit(0)
        asking, _ = listener.accept()
        _, outputs, *_ = socket.recv_fds(asking, 1, 2)
        with asking.makefile("rb") as file:
            asked = json.load(file)
        if waiting:
            _set_environment(asked)
            with _no_numbers_drawn():
                while waiting:
                    import_module(waiting.pop())
            gc.collect()
            gc.freeze()
        if os.fork() == 0:
            listener.close()
            code = 1
            try:
                code = _work(asked, outputs, as_here)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        for each in outputs:
            os.close(each)
        asking.close()  # a worker holds it until it ends


@contextmanager
def _no_numbers_drawn() -> Iterator[None]:
    """Have Ray draw no random numbers as it is imported, where it draws one for each class of actors.

    It seeds its generator when it first draws. All that are forked from a process that has drawn would go on with the same numbers, by
    which threads name their objects: a worker would be given what another has put.
    """
    import ray.actor

    class Drawn:
        @staticmethod
        def from_random() -> object:
            return ray.ActorClassID(os.urandom(ray.ActorClassID.size()))

    before = ray.actor.ActorClassID
    ray.actor.ActorClassID = Drawn
    try:
        yield
    finally:
        ray.actor.ActorClassID = before


def _stand_by() -> None:
    """End with the process that forked this one, and with nothing else."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    atexit._clear()
    for number in _ended_by:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who has ended is forgotten


def _work(asked: dict[str, Any], outputs: list[int], as_here: bool) -> int:
    """What Ray's `setup_worker.py` does, and then the worker; returns with what exit code it ends."""
    for number, output in zip((1, 2), outputs, strict=True):
        os.dup2(output, number)
        os.close(output)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", 1, encoding="utf-8", closefd=False) for number in (1, 2))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, asked["blocked"])
    arguments = _set_environment(asked)
    os.chdir(asked["folder"])
    if not as_here:
        for name in [name for name in sys.modules if name.partition(".")[0] in _OURS]:
            del sys.modules[name]
    sys.path[:0] = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    if numbers := sys.modules.get("numpy.random"):
        numbers.seed()  # else all that are forked draw the same; Python's own are new in each process
    sys.argv = arguments
    code: object = None
    try:
        runpy.run_path(arguments[0], run_name="__main__")
    except SystemExit as ended:  # as all workers end that are asked to
        code = ended.code
    atexit._run_exitfuncs()
    return code if isinstance(code, int) else int(code is not None)


def _set_environment(asked: dict[str, Any]) -> list[str]:
    """Set the environment of a worker; returns its own command line."""
    options = ("--serialized-runtime-env-context=", "--language=")
    (context,) = [one.removeprefix(options[0]) for one in asked["arguments"] if one.startswith(options[0])] or ["{}"]
    os.environ.clear()
    os.environ.update(asked["environment"])
    given = json.loads(context).get("env_vars") or {}
    os.environ.update({name: os.path.expandvars(value) for name, value in given.items()})
    return [one for one in asked["arguments"] if not one.startswith(options)]


def _ask() -> None:
    """Ask for the worker of this command line. Raises OSError where nobody forks any."""
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
    try:
        _ask()
    except OSError:
        runpy.run_path(os.environ[_OWN_SETUP], run_name="__main__")
