"""Ray on this machine for this user alone: it listens at the loopback address, and asks for a token."""

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

_WAITING = "RAY_prestart_worker_first_driver"  # on, a worker for each core is begun that no work of ours fits
_NICENESS = "RAY_worker_niceness"  # else workers wait for all that other processes do, where one worker would not
# Servants of a cluster, a Python each: one for machines that come and go, one for what workers print, one for a dashboard.
_SERVANTS = ("start_monitor", "start_log_monitor", "start_api_server")
_CLUSTERS = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"  # off, Ray takes the loopback address for this machine's, on Linux too


@contextmanager
def private_ray() -> Iterator[None]:
    """Settings for a cluster that begins and ends within: others on the network cannot reach it, nor others on this machine
    have work done by it.

    The token lies in a file that only this user may read, and is on no command line.
    """
    from ray._private import ray_constants, services
    from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]  # compiled

    with TemporaryDirectory(prefix="distil-ray-") as folder:  # nobody else may look into it
        token = Path(folder) / "token"
        token.touch(mode=0o600)
        token.write_text(secrets.token_hex(32))
        services.ConsolePopen.terminate = _end  # also for what Ray puts away when the interpreter ends
        joins = ray_constants.ENABLE_RAY_CLUSTER
        settings = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token), "RAY_AUTH_TOKEN": None}
        settings |= {_CLUSTERS: "0", _WAITING: "0", _NICENESS: "0"}
        with _environment(settings), without_servants():
            ray_constants.ENABLE_RAY_CLUSTER = False
            Config.initialize("")  # Ray has read the environment when it was imported
            AuthenticationTokenLoader.instance().reset_cache()
            try:
                yield
            finally:
                ray_constants.ENABLE_RAY_CLUSTER = joins
        Config.initialize("")


@contextmanager
def without_servants() -> Iterator[None]:
    """Clusters that begin here within, of one machine and for one command, have none of the servants that nobody would ask: of the
    processor time until the first worker is there, they take about half. The dashboard's is there if Ray is asked for a dashboard."""
    from ray._private.node import Node

    before = {name: getattr(Node, name) for name in _SERVANTS}

    def start_dashboard(node: Node, *, include_dashboard: bool | None, **settings: object) -> None:
        if include_dashboard:
            before["start_api_server"](node, include_dashboard=include_dashboard, **settings)

    for name in before:
        setattr(Node, name, lambda node: None)
    Node.start_api_server = start_dashboard
    try:
        yield
    finally:
        for name, start in before.items():
            setattr(Node, name, start)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process of Ray's with those below it. They do not hear SIGTERM, which Ray would wait a second for."""
    with suppress(psutil.NoSuchProcess):
        below = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        for other in below:
            with suppress(psutil.NoSuchProcess):
                other.kill()


@contextmanager
def _environment(values: dict[str, str | None]) -> Iterator[None]:
    """These environment variables; None: there is none of that name."""
    before = {name: os.environ.get(name) for name in values}
    _set(values)
    try:
        yield
    finally:
        _set(before)


def _set(values: dict[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
