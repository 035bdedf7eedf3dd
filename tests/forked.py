"""Commands of distil in processes of their own that have everything imported: of most commands in tests, that is the most.

They are forked from a server that multiprocessing starts once, as clean as a new interpreter, and behave as a command
that a shell starts: own session, arguments, environment, output and exit code. What a library reads from the environment
while it is imported (HF_HOME, OMP_NUM_THREADS) is that of the tests. Ray reads much of it then, and keeps it: it is imported
by whoever needs it.
"""

import atexit
import gc
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TextIO

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
            os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()


def start(*arguments: str | Path, environment: Mapping[str, str] | None = None) -> Command:
    """Start a command of distil in this environment."""
    given = dict(os.environ if environment is None else environment)
    return Command(_distil, ([str(one) for one in arguments],), given)


def _distil(arguments: list[str]) -> None:
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
