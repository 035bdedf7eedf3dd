"""The workers of a trial (the trial's own process and, beside it in the trial's placement group, an actor each), what they take of
the cluster, and how many trials run at once."""

import os
import sys
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Any

from distil.framework.device import cpu_threads
from distil.framework.errors import TrainingError, first_line
from distil.framework.language.words import count_of
from distil.framework.search.log import SearchLog
from distil.framework.training.checkpoint import forget_checkpoints
from distil.framework.training.history import Report, ReportTo
from distil.framework.training.job import Trainer, TrainingJob, TrainingSummary
from distil.framework.training.loop import train
from distil.framework.training.process_group import meeting_address
from distil.launch.remote import StoreLocation, pack, unpack


@contextmanager
def trainer_group(workers: int, cpus: float, location: StoreLocation) -> Iterator[Trainer]:
    """A trainer with so many workers, each with `cpus` cores; those beyond this process end with the context."""
    group = _Group(workers, max(1, int(cpus)), location)
    try:
        yield group.train
    finally:
        group.end()


class _Group:
    def __init__(self, workers: int, threads: int, location: StoreLocation) -> None:
        self._workers, self._threads, self._location = workers, threads, location
        self._started: list[Any] = []

    def train(self, job: TrainingJob, report: ReportTo) -> TrainingSummary:
        """See Trainer. Raises what a worker raised, and RayActorError for one that was lost."""
        import ray
        from ray.exceptions import GetTimeoutError

        threads = job.engine.threads or self._threads
        answers: dict[object, object] = {}
        if self._workers > 1:
            kept = ray.put(pack(job, job.store, [job.output]))
            # Whoever cannot take the job does not join either, for which this process would wait.
            _heard([peer.take.remote([kept]) for peer in self._peers])
            answers = {peer.train.remote(threads): peer for peer in self._peers}
        with cpu_threads(threads), watched(answers):
            try:
                summary = train(job, 0, self._workers, report)
            except RuntimeError:
                # A peer that failed or was lost shows itself as a broken connection; what became of it says more.
                with suppress(GetTimeoutError):
                    _heard(answers, timeout=10)
                raise
        _heard(answers)
        return summary

    def end(self) -> None:
        """End the other workers."""
        import ray

        for peer in self._started:
            ray.kill(peer)

    @cached_property
    def _peers(self) -> list[Any]:
        """The workers of rank 1 and above; this process takes part as rank 0."""
        import ray
        from ray.util import get_current_placement_group
        from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

        address = meeting_address(ray.util.get_node_ip_address())
        os.environ.update(address)
        group = get_current_placement_group()
        for rank in range(1, self._workers):
            takes = group.bundle_specs[rank]
            strategy = PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=rank)
            actor = ray.remote(_Peer).options(
                num_cpus=takes.get("CPU", 0), num_gpus=takes.get("GPU", 0), scheduling_strategy=strategy
            )
            self._started.append(actor.remote(rank, self._workers, address, self._location))
        return self._started


def _heard(answers: Collection[object], timeout: float | None = None) -> None:
    """Wait for answers. Raises what was raised there as it was, RayError for a worker that was lost, GetTimeoutError after `timeout` seconds."""
    import ray
    from ray.exceptions import RayTaskError

    try:
        ray.get(list(answers), timeout=timeout)
    except RayTaskError as error:
        raise error.cause if isinstance(error.cause, Exception) else error from None


@contextmanager
def watched(answers: Mapping[object, object], notice: float = 60.0) -> Iterator[None]:
    """End this process if a worker of which an answer is awaited fails or is lost, and what is done here goes on all the same.

    A process that dies breaks its connections, for which a worker that has failed is ended: who waits for it hears of it at once. A machine
    that is switched off says nothing, and gloo and NCCL would wait for half an hour. answers: the worker that gives each; notice: seconds left
    to notice it otherwise.
    """
    import ray

    over = threading.Event()

    def watch() -> None:
        waiting = list(answers)
        while waiting and not over.is_set():
            ended, waiting = ray.wait(waiting, timeout=1)
            for answer in ended:
                try:
                    ray.get(answer)
                except Exception as error:  # whatever became of it
                    ray.kill(answers[answer])
                    if not over.wait(notice):
                        print(
                            f"another worker of this training is lost: {first_line(error)}", file=sys.stderr, flush=True
                        )
                        os._exit(1)
                    return

    threading.Thread(target=watch, name="peers", daemon=True).start()
    try:
        yield
    finally:
        over.set()


class _Peer:
    """A worker that trains whenever the trial's own process does."""

    def __init__(self, rank: int, workers: int, address: dict[str, str], location: StoreLocation) -> None:
        from distil.launch.quiet import be_quiet, quiet_transformers

        os.environ.update(address)
        be_quiet()
        quiet_transformers()
        self._rank, self._workers, self._location = rank, workers, location

    def take(self, given: list[object]) -> None:
        """given: one reference to the packed TrainingJob."""
        import ray

        self._job: TrainingJob = unpack(ray.get(given[0]), self._location.here())

    def train(self, threads: int) -> None:
        """Take part in the training that was taken."""
        with cpu_threads(threads):
            train(self._job, self._rank, self._workers, _nobody)
        forget_checkpoints(self._job)


def _nobody(row: Report) -> None:
    return None


def workers_of(log: SearchLog) -> int:
    """Workers a trial."""
    workers = log.recipe.engine.workers
    return 1 if workers == "auto" else workers


def takes(log: SearchLog) -> dict[str, float]:
    """What each worker of a trial takes."""
    import ray

    resources = log.search.resources
    gpus = float(ray.cluster_resources().get("GPU", 0) > 0) if resources.gpus is None else resources.gpus
    return {"CPU": resources.cpus, **({"GPU": gpus} if gpus else {})}


def check_room(log: SearchLog) -> None:
    """Raises TrainingError if the cluster has no room for even one trial."""
    import ray

    if _room(log) < 1:
        each, there = takes(log), ray.cluster_resources()
        wanted = " and ".join(f"{amount * workers_of(log):g} {kind}" for kind, amount in each.items())
        found = " and ".join(f"{there.get(kind, 0):g} {kind}" for kind in each)
        raise TrainingError(
            f"a trial takes {wanted} ({count_of(workers_of(log), 'worker')}), but the Ray cluster has {found}; lower search.resources "
            "or engine.workers, or add nodes"
        )


def concurrent(log: SearchLog) -> int:
    """Trials that run at once, as large as the cluster is now."""
    room = _room(log)
    return max(1, min(room, log.search.concurrent or room))


def _room(log: SearchLog) -> int:
    import ray

    there = ray.cluster_resources()
    return min(int(there.get(kind, 0) / amount) // workers_of(log) for kind, amount in takes(log).items())
