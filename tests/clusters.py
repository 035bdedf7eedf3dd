"""Ray nodes on this machine that, as far as the kernel lets them, do not see each other's files."""

import ctypes
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from distil.launch.quiet import be_quiet
from distil.launch.ray_private import without_servants
from tests.forked import Command
from tests.forked_workers import forked_workers, workers_forked_here

_NEW_MOUNTS = 0x00020000  # CLONE_NEWNS


@dataclass(frozen=True)
class Node:
    """A node of one CPU, with a cache of its own."""

    process: Command
    cache: Path

    def has(self, pattern: str) -> bool:
        """Whether its cache has such a file."""
        return any(self.cache.glob(f"*/store/{pattern}"))

    def kill(self) -> None:
        """The machine is gone: none of its processes gets a last word."""
        raylet = psutil.Process(self.process.pid)
        # Workers are in groups of their own, and would go on for a while.
        for process in (raylet, *raylet.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait(timeout=120)


@contextmanager
def cluster(folder: Path, count: int) -> Iterator[tuple[str, list[Node]]]:
    """The address of a cluster whose head, where the driver runs, has no CPU to give, and `count` nodes that have one.

    The driver's folder, `folder`/driver, is hidden from the nodes where this user may do that.
    """
    be_quiet()
    hidden = folder / "driver"
    hidden.mkdir(parents=True)
    with forked_workers(one_job=False):
        yield from _cluster(folder, count, hidden)


def _cluster(folder: Path, count: int, hidden: Path) -> Iterator[tuple[str, list[Node]]]:
    from ray.cluster_utils import Cluster  # not above: a node's process imports this file before it forks

    with without_servants():
        head = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    nodes: list[Node] = []
    try:
        for number in range(count):
            # One after the other: nodes of one machine that start together take each other's ports.
            nodes.append(_node(head.address, folder / f"node-{number}", hidden))
            deadline = time.monotonic() + 200
            while _alive(head.address) < len(nodes) + 1:
                assert time.monotonic() < deadline, (folder / f"node-{number}.log").read_text()
                time.sleep(0.2)
        yield head.address, nodes
    finally:
        for node in nodes:
            if node.process.poll() is None:
                node.kill()
        head.shutdown()


def hides() -> bool:
    """Whether this user may hide folders from processes."""
    hide = ["unshare", "--mount", "true"]
    return shutil.which("unshare") is not None and subprocess.run(hide, capture_output=True).returncode == 0


def _node(address: str, cache: Path, hidden: Path) -> Node:
    environment = {**os.environ, "DISTIL_CACHE": str(cache), "RAY_prestart_worker_first_driver": "0"}
    return Node(Command(_begin, (address, cache.with_suffix(".log"), hidden if hides() else None), environment), cache)


def _begin(address: str, log: Path, hidden: Path | None) -> None:
    """What a node's process does: what `ray start` does, with a folder hidden from it."""
    for number in (1, 2):
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    os.chdir("/")
    if hidden is not None:
        ctypes.CDLL(None).unshare(_NEW_MOUNTS)
        for mount in (["--make-rprivate", "/"], ["-t", "tmpfs", "none", str(hidden)]):
            subprocess.run(["mount", *mount], check=True)
    with workers_forked_here(one_job=False), without_servants():
        from ray.scripts.scripts import main

        options = ["--num-cpus=1", "--object-store-memory=100000000", "--include-log-monitor=false", "--block"]
        sys.argv = ["ray", "start", f"--address={address}", *options]
        main()


def _alive(address: str) -> int:
    from ray._private.state import GlobalState
    from ray._raylet import GcsClientOptions

    state = GlobalState()
    state._initialize_global_state(
        GcsClientOptions.create(address, None, allow_cluster_id_nil=True, fetch_cluster_id_if_nil=False)
    )
    return sum(node["Alive"] for node in state.node_table())
