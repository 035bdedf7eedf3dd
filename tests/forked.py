"""Commands of distil in processes of their own that have everything imported: of most commands in tests, that is the most.

They are forked from a server that is itself forked from the tests' process, once all tests have been imported and before the first
of them runs, and behave as a command that a shell starts: own session, arguments, environment, output and exit code. What a
library reads from the environment while it is imported (HF_HOME, OMP_NUM_THREADS) is that of the tests. Ray reads much of it
then, and keeps it: it is imported by whoever needs it, and by no test before it runs.
"""

import atexit
import ctypes
import gc
import multiprocessing
import os
import platform
import signal
import subprocess
import sys
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing import forkserver, resource_tracker, util
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TextIO
from unittest import mock

import torch

from distil.tracking.client import configure

configure()  # as a command does before it imports MLflow
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    [
        "datasets",
        "deepspeed",
        "matplotlib.pyplot",
        "mlflow.pyfunc",
        "mlflow.store.tracking.sqlalchemy_store",
        "optuna",
        "sklearn",
        "torch",
        "transformers.models.bert.modeling_bert",
        "transformers.models.distilbert.modeling_distilbert",
        "distil.launch.cli",
        "distil.launch.commands",
    ]
)


def begin_server() -> None:
    """Have the server forked from this process, and not begun anew; on Linux, unless this process may have looked at a GPU, of which what
    is forked could use none."""
    if platform.system() != "Linux" or torch.cuda.is_available():
        return
    assert "ray" not in sys.modules, "Ray is imported with the tests"
    resource_tracker.ensure_running()
    gc.collect()
    gc.freeze()
    with mock.patch.object(util, "spawnv_passfds", _server):
        forkserver.ensure_running()


def _server(path: bytes, arguments: list[str], descriptors: list[int]) -> int:
    """What a new interpreter would do that is begun with these arguments, in a process that is forked; returns its number."""
    if (process := os.fork()) > 0:
        return process
    try:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: it ends with the tests
        atexit._clear()  # what the tests' process will do at its end
        weakref.finalize._registry.clear()
        weakref.finalize._registered_with_atexit = False
        exec(arguments[-1], {})
    finally:
        os._exit(0)


class Command:
    """A function that runs as a command does, with the part of Popen that tests need; `stdout` has what it prints and complains."""

    def __init__(self, target: Callable[..., None], given: tuple[Any, ...], environment: dict[str, str]) -> None:
        output, inside = SERVER.Pipe(duplex=False)
        arguments = (target, given, environment, os.getcwd(), inside)
        self._process = SERVER.Process(target=_run, args=arguments, daemon=True)
        self._process.start()
        inside.close()
        self.stdout: TextIO = os.fdopen(os.dup(output.fileno()), encoding="utf-8")
        output.close()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("distil", timeout)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()


def start(*arguments: str | Path, environment: Mapping[str, str] | None = None) -> Command:
    """Start a command of distil in this environment."""
    given = dict(os.environ if environment is None else environment)
    return Command(run_distil, ([str(one) for one in arguments],), given)


def run_distil(arguments: list[str]) -> None:
    """What a command's process does."""
    from distil.launch.cli import main

    sys.argv = ["distil", *arguments]
    main()


def _run(
    target: Callable[..., None], given: tuple[Any, ...], environment: dict[str, str], folder: str, output: Connection
) -> None:

    gc.freeze()  # what is imported stays
    os.setsid()
    for number in (1, 2):
        os.dup2(output.fileno(), number)
    output.close()
    sys.stdout, sys.stderr = (os.fdopen(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    try:
        target(*given)
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
