"""The Ray cluster that trainings and teachers run on."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from framework.errors import DistilError, TrainingError, first_line
from framework.progress import Progress
from launch.home import Home
from launch.shipped_modules import modules_to_ship


@contextmanager
def ray_cluster(progress: Progress) -> Iterator[None]:
    """A Ray cluster: the one there is, one named by RAY_ADDRESS, or one of our own that ends with the context.

    Raises TrainingError if it cannot be reached.
    """
    import ray

    if ray.is_initialized():
        yield
        return
    address = os.environ.get("RAY_ADDRESS")
    check_address()
    try:
        ray.init(
            address=address or "local",  # without one, Ray joins whatever `ray start` has started on this machine
            include_dashboard=False if address is None else None,
            logging_level="WARNING",
            log_to_driver=False,
            runtime_env=_runtime_env(joins=address is not None),
        )
    except Exception as error:
        where = f"the Ray cluster at RAY_ADDRESS={address}" if address else "Ray on this machine"
        raise TrainingError(f"cannot reach {where} ({first_line(error)}); start it, or unset RAY_ADDRESS") from None
    progress.say(f"    Ray: {'joined ' + address if address else 'started on this machine'}")
    if address and gpu_count() == 0 and ray.cluster_resources().get("GPU", 0):
        progress.say(
            "    the cluster has GPUs, but this process has none and works on its CPU; a job gets one by "
            "`ray job submit --entrypoint-num-gpus 1`"
        )
    try:
        yield
    finally:
        ray.shutdown()


def _runtime_env(joins: bool) -> dict[str, Any]:
    """What Ray sets up for workers. Those of a cluster that was there before get this code, whatever theirs is."""
    shipped = {"py_modules": modules_to_ship(), "excludes": ["__pycache__"]} if joins else {}
    return {"env_vars": {"PYTHONWARNINGS": "ignore"}, **shipped}


def check_address() -> None:
    """Refuse a RAY_ADDRESS of Ray's client, or a HOST:PORT where nothing listens: Ray would end the whole process.

    Raises TrainingError.
    """
    address = os.environ.get("RAY_ADDRESS", "")
    if address.startswith("ray://"):
        raise TrainingError(
            f"RAY_ADDRESS={address} is an address for Ray's client, by which neither Ray Tune nor Ray Train can be driven well; "
            "give the cluster the command as a job: ray job submit --address http://HEAD:8265 --working-dir . -- distil run ..."
        )
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        return  # "auto" and addresses of other forms, about which Ray itself complains properly
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise TrainingError(
            f"nothing answers at RAY_ADDRESS={address} ({error}); start the Ray cluster there, or unset RAY_ADDRESS"
        ) from None


def check_machines(home: Home) -> None:
    """Look whether all machines of the cluster come to the store. Raises TrainingError for one that does not."""
    import ray
    from ray.exceptions import RayTaskError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    if len(nodes) < 2 and home.here().root == Path(home.root):
        return
    look = ray.remote(num_cpus=0)(_look)
    try:
        ray.get(
            [
                look.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote(home)
                for node in nodes
            ]
        )
    except RayTaskError as error:
        if isinstance(error.cause, DistilError):
            raise error.cause from None
        raise


def _look(home: Home) -> None:
    home.here()


def gpu_count() -> int:
    """GPUs that this process sees."""
    import torch

    return torch.cuda.device_count()
