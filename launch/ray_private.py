"""Ray on this machine for this user alone: it listens at the loopback address, and asks for a token."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from ray._private.node import Node

_WAITING = "RAY_prestart_worker_first_driver"  # on, a worker for each core is begun that no work of ours fits
_NICENESS = "RAY_worker_niceness"  # else workers wait for all that other processes do, where one worker would not
# Servants of a cluster, a Python each: one for machines that come and go, one for what workers print, one for a dashboard.
_SERVANTS = ("start_monitor", "start_log_monitor", "start_api_server")
# An agent on every machine serves the dashboard, metrics, and whoever sends jobs. Ray wants one: in its place stands what waits for its end.
_AGENTS = ("DASHBOARD_AGENT_LISTEN_PORT_NAME", "METRICS_AGENT_PORT_NAME", "METRICS_EXPORT_PORT_NAME")
_WAITS = [sys.executable, "-ISc", "import sys; sys.stdin.buffer.read()"]
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
    processor time until the first worker is there, they take more than half. The dashboard's are there if Ray is asked for a dashboard."""
    from ray._private.node import Node

    before = {name: getattr(Node, name) for name in (*_SERVANTS, "start_raylet")}

    def start_dashboard(node: Node, *, include_dashboard: bool | None, **settings: object) -> None:
        if include_dashboard:
            before["start_api_server"](node, include_dashboard=include_dashboard, **settings)

    def start_raylet(node: Node, *given: object, **settings: object) -> None:
        with nullcontext() if node._ray_params.include_dashboard else _without_agent(node):
            before["start_raylet"](node, *given, **settings)

    for name in before:
        setattr(Node, name, lambda node: None)
    Node.start_api_server, Node.start_raylet = start_dashboard, start_raylet
    try:
        yield
    finally:
        for name, start in before.items():
            setattr(Node, name, start)


@contextmanager
def _without_agent(node: "Node") -> Iterator[None]:
    """A raylet that is begun within has no agent, for which it would wait, and give up after 15 seconds on a machine that is busy."""
    import ray._raylet
    from ray._private import ray_constants, services

    for name in _AGENTS:  # -1: nobody listens
        ray._raylet.persist_port(node.get_session_dir_path(), node.node_id, getattr(ray._raylet, name), -1)
    before = services._build_python_executable_command_memory_profileable

    def python(component: str, *given: object, **settings: object) -> list[str]:
        agent = component == ray_constants.PROCESS_TYPE_DASHBOARD_AGENT
        return _WAITS if agent else before(component, *given, **settings)

    services._build_python_executable_command_memory_profileable = python
    try:
        yield
    finally:
        services._build_python_executable_command_memory_profileable = before


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
