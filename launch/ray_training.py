"""Training in several Ray workers, by Ray Train."""

import os
import queue
import signal
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import ray.train
from pydantic import BaseModel
from ray.exceptions import RayActorError
from ray.train.torch import TorchConfig, TorchTrainer
from ray.train.torch.config import _TorchBackend
from ray.train.v2._internal.exceptions import WorkerGroupStartupFailedError
from ray.train.v2._internal.execution.callback import ControllerCallback
from ray.train.v2._internal.execution.worker_group import WorkerGroup

from distil.framework.device import free_memory
from distil.framework.errors import DistilError, TrainingError, causes, disk_is_full, first_line, is_out_of_memory
from distil.framework.files import Json
from distil.framework.progress import Progress
from distil.framework.store import Store
from distil.framework.training.history import Report, ReportTo
from distil.framework.training.job import TrainingJob, TrainingSummary
from distil.framework.training.process_group import meeting_address
from distil.launch.ray_cluster import begins_here, gpu_count, ray_cluster
from distil.launch.remote import location_of, pack
from distil.launch.room import no_workers, nodes_here

_BROKEN = (
    "Connection closed by peer",
    "Connection reset by peer",
)  # what those see of a worker that is lost who wait for it
_SERVANTS = ("DatasetsCallback", "PlacementGroupCleanerCallback")


def train_on_ray(
    job: TrainingJob, report: ReportTo, progress: Progress, own: Collection[type[BaseModel]] = ()
) -> TrainingSummary:
    """Run the training in `job.workers` Ray workers; lost ones are replaced, and all resume from the checkpoint.

    Joins the cluster that RAY_ADDRESS names, or starts Ray on this machine. own: classes of the user's own that the job needs. Raises
    TrainingError if it cannot be done.
    """
    import torch
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.util.queue import Queue
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    gpu = gpu_count() > 0
    # Streaming teachers have lowered this process's threads to what they leave of the cores.
    threads = job.engine.threads or max(1, torch.get_num_threads() // job.workers)
    free_memory()  # of GPUs that the workers will use
    with ray_cluster(progress, job.engine.dashboard, own):
        if problem := no_workers(job.workers, nodes_here(), here=False):
            raise TrainingError(problem)
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        reports = Queue(actor_options={"num_cpus": 0, "scheduling_strategy": here})  # other machines may leave
        trainer = _Trainer(
            _work,
            torch_config=Meeting(),
            train_loop_config={
                "job": ray.put(pack(job, job.store, [job.output])),
                "location": location_of(job.store),
                "reports": reports,
                "threads": threads,
            },
            scaling_config=ScalingConfig(
                num_workers=job.workers, use_gpu=gpu, resources_per_worker={"CPU": 1, **({"GPU": 1} if gpu else {})}
            ),
            run_config=RunConfig(
                name=f"train-{job.output.name}",
                storage_path=ray_storage(job.store, job.output),
                failure_config=FailureConfig(max_failures=job.engine.worker_failures),
            ),
        )
        if begins_here():
            # At ^C Ray would wait for its controller, which may start workers for a minute; it ends with the cluster.
            trainer._register_sigint_handler = lambda controller: None
        with _drained(reports, report), _own_interrupt():
            try:
                result = trainer.fit()
            except SystemExit:  # so Ray Train answers ^C, as if all were well
                raise KeyboardInterrupt from None
            except Exception as error:
                raise _worded(error, job.workers, job.output / "ray") from None
        job.store.pull_folder(job.output / "model")
        summary = result.return_value
        if not isinstance(summary, TrainingSummary):
            raise TrainingError(
                f"the Ray workers ended without a result ({summary!r}); run the same command again to go on"
            )
        return summary


class _Trainer(TorchTrainer):  # type: ignore[misc]
    """See TorchTrainer. Without two servants, a process each: one for Ray's data sets, which are not ours, and one that frees the workers' places
    if their controller dies, as Ray does itself when this process ends. The latter asks a dashboard, which clusters of ours do not have, and the
    training would wait 12 seconds for its end."""

    def _create_default_callbacks(self) -> list[object]:
        return [
            *(one for one in super()._create_default_callbacks() if type(one).__name__ not in _SERVANTS),
            _LostAtStart(self.run_config.failure_config.max_failures),
        ]


class _LostAtStart(ControllerCallback):  # type: ignore[misc]
    """Have a group of workers begun anew of which one is lost in the moment in which they are given their work, up to `failures` times. Ray
    Train does so if one is lost before, and after; in between it gives the training up, and keeps the places of the others."""

    def __init__(self, failures: int) -> None:
        self._left = failures

    def after_controller_start(self, train_run_context: object) -> None:
        """See ControllerCallback."""
        start = WorkerGroup._start

        def whole(group: WorkerGroup) -> None:
            try:
                start(group)
            except RayActorError as error:
                group.shutdown()
                self._left -= 1
                if self._left < 0:
                    raise
                raise WorkerGroupStartupFailedError("a worker is lost that was to begin") from error

        WorkerGroup._start = whole


def _work(config: Json) -> TrainingSummary:
    """What each Ray worker does."""
    import torch

    from distil.launch.quiet import be_quiet, quiet_transformers
    from distil.launch.remote import train_pickled

    be_quiet()
    quiet_transformers()
    torch.set_num_threads(config["threads"])
    context = ray.train.get_context()
    rank = context.get_world_rank()
    reports = config["reports"]

    def report(row: Report) -> None:
        if rank == 0:
            reports.put(row)

    return train_pickled(config["job"], config["location"], rank, context.get_world_size(), report)


def ray_storage(store: Store, folder: Path) -> str:
    """Where Ray keeps files of its own for work whose result goes to `folder`."""
    return str(folder / "ray") if store.storage is None else store.storage.uri_of(f"ray/{folder.name}")


@contextmanager
def _drained(reports: Any, report: ReportTo) -> Iterator[None]:
    """Hand on, in this process, what the workers report. Raises what `report` does: the workers can report no more, and end."""
    from ray.exceptions import RayError
    from ray.util.queue import Empty

    leaving = threading.Event()
    failures: list[Exception] = []

    def drain() -> None:
        while True:
            try:
                row = reports.get(timeout=0.5)
            except (Empty, queue.Empty):
                if leaving.is_set():
                    return
                continue
            except RayError:  # the queue is lost with its cluster, of which others tell
                return
            try:
                report(row)
            except Exception as error:  # a disk that is full, say
                failures.append(error)
                reports.shutdown(force=True)
                return

    thread = threading.Thread(target=drain, name="reports", daemon=True)
    thread.start()
    try:
        yield
    except Exception:
        if failures:
            raise failures[0] from None
        raise
    finally:
        leaving.set()
        thread.join(timeout=30)
        reports.shutdown()
    if failures:
        raise failures[0]


@contextmanager
def _own_interrupt() -> Iterator[None]:
    """Have ^C back afterwards: Ray Train takes it over for good, and with it keeps its controller running."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, before)


def _worded(error: Exception, workers: int, logs: Path) -> DistilError:
    """The error of a worker if distil raised it there, else one that says what is to blame."""
    failures = [causes(failure) for failure in getattr(error, "worker_failures", {}).values()]
    for cause in chain(*failures):
        if isinstance(cause, DistilError):
            return cause
        if disk_is_full(cause):
            return TrainingError(
                f"a disk of a Ray worker is full ({first_line(cause)}); what is done is kept: free some space and run the "
                "same command again"
            )
        if is_out_of_memory(cause):
            return TrainingError(
                f"a Ray worker is out of memory ({first_line(cause)}); what is done is kept: lower student.batch_size or micro_batch, or "
                "windows.max_length"
            )
    told = [first for first, *_ in failures if not any(words in str(first) for words in _BROKEN)]
    if told:
        said = f"{type(told[0]).__name__}: {first_line(told[0])}"
    else:
        said = "a worker is lost: connections to it are broken" if failures else first_line(error)
    return TrainingError(
        f"training in {workers} Ray workers failed ({said}); what is done is kept: run the same command again to go on. Ray's logs are in "
        f"{logs} and /tmp/ray"
    )


class _Backend(_TorchBackend):  # type: ignore[misc]  # which leaves the group when the workers end
    def on_start(self, worker_group: Any, backend_config: Any) -> None:
        """See Backend."""
        worker_group.execute(_tell, worker_group.execute_single(0, _address))


class Meeting(TorchConfig):  # type: ignore[misc]
    """See TorchConfig. Workers join the group themselves, where this tells them to: as Ray has them do it, its store would listen
    at all addresses of the machine."""

    @property
    def backend_cls(self) -> type[_Backend]:
        """See BackendConfig."""
        return _Backend


def _address() -> dict[str, str]:
    return meeting_address(ray.util.get_node_ip_address())


def _tell(address: dict[str, str]) -> None:
    os.environ.update(address, LOCAL_RANK=str(ray.train.get_context().get_local_rank()))
