"""The processes of distil's commands and of Ray: finding them, killing them, and what is left of them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from subprocess import Popen

import psutil

from tests.forked_workers import forked_workers
from tests.waiting import gone, until

# What Ray itself keeps in a cluster that goes on: processes that wait for work, and servants of its own.
_OF_RAY = ("ray::IDLE", "ray::DashboardAgent", "ray::RuntimeEnvAgent", "ray::_AutoscalingCoordinatorActor")


def ray_workers(name: str = "") -> list[psutil.Process]:
    """Ray's workers below this process that are at something of this name."""
    return [worker for worker, title in _titles().items() if title.startswith(f"ray::{name}")]


def only_worker(name: str) -> psutil.Process:
    """Ray's one worker of this name, once others have ended whose work is over."""
    until(lambda: len(ray_workers(name)) == 1)
    return ray_workers(name)[0]


def _titles() -> dict[psutil.Process, str]:
    found = {}
    for child in psutil.Process().children(recursive=True):
        try:
            title = " ".join(child.cmdline()).strip()
        except psutil.Error:  # it has just ended
            continue
        if title.startswith("ray::") and not title.startswith(_OF_RAY):
            found[child] = title
    return found


@contextmanager
def lasting_cluster() -> Iterator[None]:
    """A Ray cluster of this process that commands join and that goes on when they end. It asks for no token."""
    import ray

    from distil.launch.quiet import be_quiet
    from distil.launch.ray_private import without_servants

    be_quiet()
    # Else Ray leaves a token in the home folder; and of commands that are forked, some wait for ever when they join with one.
    os.environ["RAY_AUTH_MODE"] = "disabled"
    with forked_workers():
        with without_servants():
            found = ray.init("local", num_cpus=2, include_dashboard=False, logging_level="WARNING", log_to_driver=False)
        with _named(found.address_info["gcs_address"]):
            yield
    del os.environ["RAY_AUTH_MODE"]


@contextmanager
def joined(address: str) -> Iterator[None]:
    """The cluster at this address, for this process and commands."""
    import ray

    ray.init(address, logging_level="WARNING", log_to_driver=False)
    with _named(address):
        yield


@contextmanager
def _named(address: str) -> Iterator[None]:
    import ray

    before = os.environ.get("RAY_ADDRESS")
    os.environ["RAY_ADDRESS"] = address
    try:
        yield
    finally:
        ray.shutdown()
        os.environ.pop("RAY_ADDRESS")
        os.environ.update({} if before is None else {"RAY_ADDRESS": before})


def left_by(process: "Popen[str]") -> list[str]:
    """Processes that a command has left running: those of the session that it began, whoever is their parent."""
    return gone(lambda: _session(process.pid))


def left_in_cluster() -> list[str]:
    """Workers at something and placement groups in the cluster of this process."""
    return [*workers_left(), *groups_left()]


def workers_left() -> list[str]:
    """Workers at something in the cluster of this process."""
    return gone(lambda: [f"process {worker.pid}: {title}" for worker, title in _titles().items()])


def groups_left() -> list[str]:
    """Placement groups in the cluster of this process."""
    from ray.util import placement_group_table

    def found() -> list[str]:
        groups = placement_group_table()
        return [f"placement group {id}" for id, group in groups.items() if group["state"] != "REMOVED"]

    return gone(found)


def processes_of(leader: int) -> list[psutil.Process]:
    """The processes of the session that a command began, whoever is their parent."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):  # it has just ended
            if os.getsid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _session(leader: int) -> list[str]:
    found = []
    for process in processes_of(leader):
        with suppress(psutil.Error):
            found.append(f"process {process.pid}: {' '.join(process.cmdline()).strip()}")
    return found
