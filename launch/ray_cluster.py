"""The Ray cluster that trainings and teachers run on."""

import gc
import importlib
import os
import shutil
import signal
import socket
import sys
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from pydantic import BaseModel

from distil.framework.errors import DistilError, RecipeError, TrainingError, first_line
from distil.framework.files import Json
from distil.framework.plugins import check_unchanged, user_modules
from distil.framework.progress import Progress
from distil.launch.interrupt import INTERRUPT
from distil.launch.ray_private import private_ray
from distil.launch.ray_workers import forked_where_prepared
from distil.launch.remote import StoreLocation


@contextmanager
def ray_cluster(progress: Progress, dashboard: bool = False, own: Collection[type[BaseModel]] = ()) -> Iterator[None]:
    """A Ray cluster: the one there is, one named by RAY_ADDRESS, or one of our own that ends with the context.

    dashboard: whether one of our own has Ray's dashboard; own: classes of the user's own that workers need. Raises TrainingError if it
    cannot be reached, RecipeError for the dashboard of another one, UserError for code of `own` that changed since it was imported here.
    """
    import ray

    if ray.is_initialized():
        yield
        return
    address = _named_address()
    if address is not None and dashboard:
        raise RecipeError(
            f"engine.dashboard is for Ray that distil starts, and RAY_ADDRESS={address} names a cluster with a dashboard of its own: drop "
            "it, or unset RAY_ADDRESS"
        )
    with _begins_here() if begins_here() else nullcontext():
        shown = _begin(address, dashboard, own)
        try:
            _announce(address, progress)
            if dashboard:
                progress.say(
                    f"    Ray's dashboard: http://{shown}, while Ray runs; it asks for the token that is in "
                    f"{os.environ['RAY_AUTH_TOKEN_PATH']}"
                )
            with _watched() if address is None else nullcontext():
                yield
        finally:
            _leave()


def _leave() -> None:
    """Leave the cluster, or end it if it is our own.

    Without garbage collection meanwhile: one of Ray's objects that another thread frees just then would make Ray end the process.
    """
    import ray

    collects = gc.isenabled()
    gc.disable()
    try:
        ray.shutdown()
    finally:
        if collects:
            gc.enable()


@contextmanager
def _begins_here() -> Iterator[None]:
    with private_ray(), forked_where_prepared():
        yield


@contextmanager
def _watched() -> Iterator[None]:
    """End this process, and say why, when one of those that make up Ray has ended. Ray would do so itself after up to a minute, with
    pages of its log and no word of what to do. Put away is what this process would not leave behind: the token, and a hidden cursor."""
    from ray._private.worker import _global_node as node
    from rich.console import Console

    over = threading.Event()

    def watch() -> None:
        while not over.wait(1):
            if lost := [name for name, _ in node.dead_processes() if name in ("raylet", "gcs_server")]:
                print(
                    f"distil: Ray was lost: its process {lost[0]} has been killed or has failed; what is done is kept: run the same command "
                    f"again to go on. Ray's logs are in {node.get_logs_dir_path()}",
                    file=sys.stderr,
                    flush=True,
                )
                Console().show_cursor()
                shutil.rmtree(Path(os.environ["RAY_AUTH_TOKEN_PATH"]).parent, ignore_errors=True)
                os._exit(1)

    watching = threading.Thread(target=watch, name="ray", daemon=True)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()  # else it may take the end of Ray that comes next for a loss


def _begin(address: str | None, dashboard: bool, own: Collection[type[BaseModel]]) -> str | None:
    """Join the cluster there, or start one; returns where its dashboard is, host and port. Raises TrainingError, UserError."""
    import ray

    check_address()
    try:
        with INTERRUPT.kept():  # Ray would have SIGTERM end the process at once, with what its own code was at
            begun = ray.init(
                address=address or "local",  # without one, Ray joins whatever `ray start` has started on this machine
                include_dashboard=dashboard if address is None else None,
                dashboard_host="127.0.0.1",
                logging_level="WARNING",
                log_to_driver=False,
                runtime_env=None if address is None else _runtime_env(own),
            )
    except SystemExit:  # by which Ray answers SIGTERM meanwhile
        INTERRUPT.stop(signal.SIGTERM, None)
        raise KeyboardInterrupt from None
    except Exception as error:
        if address is None:
            raise TrainingError(f"cannot start Ray on this machine ({first_line(error)})") from None
        raise TrainingError(
            f"cannot join the Ray cluster at RAY_ADDRESS={address} ({first_line(error)}); start it, or unset RAY_ADDRESS; one that "
            "asks for a token takes RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN_PATH with the file that holds it"
        ) from None
    return begun.dashboard_url or None


def _announce(address: str | None, progress: Progress) -> None:
    import ray

    progress.say(f"    Ray: {'joined ' + address if address else 'started on this machine, for it alone'}")
    if address and open_to_all(ray.get_runtime_context().gcs_address):
        progress.say(
            "    this cluster asks for no token: whoever comes to its ports can run programs on its machines. Keep others off "
            "them, or start it with RAY_AUTH_MODE=token (docs/clusters.md)"
        )
    if address and gpu_count() == 0 and ray.cluster_resources().get("GPU", 0):
        progress.say(
            "    the cluster has GPUs, but this process has none and works on its CPU; a job gets one by "
            "`ray job submit --entrypoint-num-gpus 1`"
        )


def _runtime_env(own: Collection[type[BaseModel]]) -> Json:
    """What Ray sets up for workers of a cluster that was there before: they get this code, whatever theirs is. Those of one that is begun
    here have this process's environment, and nothing to wait for."""
    return {"env_vars": {"PYTHONWARNINGS": "ignore"}, "py_modules": modules_to_ship(own), "excludes": ["__pycache__"]}


def check_address() -> None:
    """Refuse a RAY_ADDRESS of Ray's client, or a HOST:PORT where nothing listens: Ray would end the whole process.

    Raises TrainingError.
    """
    address = _named_address() or ""
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


def begins_here() -> bool:
    """Whether Ray is started on this machine for this process alone, and ends with it."""
    return _named_address() is None


def _named_address() -> str | None:
    """The address of the cluster that RAY_ADDRESS names; None where one is to be started here."""
    address = os.environ.get("RAY_ADDRESS")
    return None if address in ("", "local") else address


def open_to_all(address: str) -> bool:
    """Whether a cluster answers those who have no token, nor a certificate."""
    import grpc

    with grpc.insecure_channel(address) as channel:
        try:
            channel.unary_unary("/ray.rpc.NodeInfoGcsService/GetClusterId")(b"", timeout=10)
        except grpc.RpcError:
            return False
    return True


def check_machines(location: StoreLocation) -> None:
    """Look whether all machines of the cluster come to the store. Raises TrainingError for one that does not."""
    import ray
    from ray.exceptions import RayTaskError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    if len(nodes) < 2 and location.here().root == Path(location.root):
        return
    look = ray.remote(num_cpus=0)(_look)
    try:
        ray.get(
            [
                look.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote(location)
                for node in nodes
            ]
        )
    except RayTaskError as error:
        if isinstance(error.cause, DistilError):
            raise error.cause from None
        raise


def _look(location: StoreLocation) -> None:
    location.here()


def gpu_count() -> int:
    """GPUs that this process sees."""
    import torch

    return torch.cuda.device_count()


def modules_to_ship(own: Collection[type[BaseModel]]) -> list[str]:
    """Files and folders of distil and of these classes' modules, for Ray's `py_modules`. Raises UserError for code that changed since it
    was imported here."""
    check_unchanged(own)
    return [str(_place(name)) for name in ("distil", *user_modules(own))]


def _place(name: str) -> Path:
    module = importlib.import_module(name)
    folders = list(getattr(module, "__path__", []))
    return Path(folders[0] if folders else str(module.__file__))
