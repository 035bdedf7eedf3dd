"""Ray nodes on this machine that, as far as the kernel lets them, do not see each other's files."""

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
from ray.cluster_utils import Cluster

from launch.quiet import be_quiet

RAY = str(Path(sys.executable).parent / "ray")


@dataclass(frozen=True)
class Node:
    """A node of one CPU, with a cache of its own."""

    process: "subprocess.Popen[bytes]"
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
        self.process.wait(timeout=30)


@contextmanager
def cluster(folder: Path, count: int) -> Iterator[tuple[str, list[Node]]]:
    """The address of a cluster whose head, where the driver runs, has no CPU to give, and `count` nodes that have one.

    The driver's folder, `folder`/driver, is hidden from the nodes where this user may do that.
    """
    be_quiet()
    hidden = folder / "driver"
    hidden.mkdir(parents=True)
    head = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    nodes: list[Node] = []
    try:
        for number in range(count):
            # One after the other: nodes of one machine that start together take each other's ports.
            nodes.append(_node(head.address, folder / f"node-{number}", hidden))
            deadline = time.monotonic() + 100
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
    start = f"{RAY} start --address={address} --num-cpus=1 --object-store-memory=100000000 --include-log-monitor=false --block"
    command = ["sh", "-c", f"exec {start}"]
    if hides():
        command = ["unshare", "--mount", "sh", "-c", f"mount -t tmpfs none {hidden} && exec {start}"]
    process = subprocess.Popen(
        command,
        env={**os.environ, "DISTIL_CACHE": str(cache), "OMP_NUM_THREADS": "1", "RAY_prestart_worker_first_driver": "0"},
        cwd="/",
        stdout=(cache.parent / f"{cache.name}.log").open("wb"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    return Node(process, cache)


def _alive(address: str) -> int:
    from ray._private.state import GlobalState
    from ray._raylet import GcsClientOptions

    state = GlobalState()
    state._initialize_global_state(
        GcsClientOptions.create(address, None, allow_cluster_id_nil=True, fetch_cluster_id_if_nil=False)
    )
    return sum(node["Alive"] for node in state.node_table())
