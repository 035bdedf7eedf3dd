"""Ray's processes: those that nobody would ask are not begun, and the others end with the command that began them."""

import signal
import subprocess
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from distil.launch.ray_private import _end, without_servants
from tests.waiting import until

DEAF = "trap '' TERM HUP; sleep 1000 & echo begun; wait"


def test_a_process_that_does_not_hear_sigterm_ends_with_those_below_it() -> None:
    with subprocess.Popen(["bash", "-c", DEAF], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.terminate()
        (below,) = psutil.Process(process.pid).children()
        _end(process)
        assert process.wait(60) == -signal.SIGKILL
        until(lambda: _ended(below))
        _end(process)  # of which nothing is left


def _ended(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_of_rays_servants_the_dashboard_is_begun_if_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from ray._private.node import Node

    begun: list[dict[str, object]] = []
    for name in ("start_monitor", "start_log_monitor", "start_api_server"):
        monkeypatch.setattr(Node, name, lambda node, **settings: begun.append(settings))
    with without_servants():
        for wanted in (None, False, True):
            Node.start_api_server(None, include_dashboard=wanted, raise_on_failure=False)
        Node.start_monitor(None)
        Node.start_log_monitor(None)
    assert begun == [{"include_dashboard": True, "raise_on_failure": False}]
    Node.start_monitor(None)
    assert len(begun) == 2


def test_a_raylet_has_an_agent_if_there_is_a_dashboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ray._private import ray_constants, services
    from ray._private.node import Node

    def agent() -> list[str]:
        command = services._build_python_executable_command_memory_profileable
        return list(command(ray_constants.PROCESS_TYPE_DASHBOARD_AGENT, str(tmp_path)))

    whole, begun = agent(), []
    monkeypatch.setattr(Node, "start_raylet", lambda node: begun.append(agent()))
    with without_servants():
        for wanted in (True, False):
            node = SimpleNamespace(node_id="7", _ray_params=SimpleNamespace(include_dashboard=wanted))
            node.get_session_dir_path = lambda: str(tmp_path)
            Node.start_raylet(node)
            assert len(list(tmp_path.iterdir())) == (0 if wanted else 3)
    with_dashboard, without = begun
    assert with_dashboard == agent() == whole
    assert {path.read_text() for path in tmp_path.iterdir()} == {"-1"}
    with subprocess.Popen([*without, "agent.py"], stdin=subprocess.PIPE) as process:
        assert process.poll() is None
        process.communicate()  # as when the raylet ends
    assert process.returncode == 0
