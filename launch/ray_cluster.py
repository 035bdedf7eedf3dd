"""The Ray cluster that trainings and teachers run on."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from framework.errors import TrainingError, first_line
from framework.progress import Progress


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
    if address:
        _check_listens(address)
    try:
        ray.init(
            address=address or "local",  # without one, Ray joins whatever `ray start` has started on this machine
            include_dashboard=False if address is None else None,
            logging_level="WARNING",
            log_to_driver=False,
            runtime_env={"env_vars": {"PYTHONWARNINGS": "ignore"}},
        )
    except Exception as error:
        where = f"the Ray cluster at RAY_ADDRESS={address}" if address else "Ray on this machine"
        raise TrainingError(f"cannot reach {where} ({first_line(error)}); start it, or unset RAY_ADDRESS") from None
    progress.say(f"    Ray: {'joined ' + address if address else 'started on this machine'}")
    try:
        yield
    finally:
        ray.shutdown()


def _check_listens(address: str) -> None:
    """Look whether anything listens at HOST:PORT: Ray would end the whole process. Raises TrainingError."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        return  # "auto" and addresses of other forms, about which Ray itself complains properly
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise TrainingError(
            f"nothing answers at RAY_ADDRESS={address} ({error}); start the Ray cluster there, or unset RAY_ADDRESS"
        ) from None


def gpu_count() -> int:
    """GPUs that this process sees."""
    import torch

    return torch.cuda.device_count()
