"""Ray's processes: those that nobody would ask are not begun, and the others end with the command that began them."""

import signal
import subprocess

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
