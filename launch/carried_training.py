"""A training in a worker that may be on another machine than the one that ordered it."""

from typing import Any

from framework.training.checkpoint import forget_checkpoints
from framework.training.job import ReportTo, TrainingJob, TrainingSummary
from framework.training.loop import train
from launch.carried import unpack
from launch.home import Home


def train_carried(carried: Any, home: Home, rank: int, world_size: int, report: ReportTo) -> TrainingSummary:
    """Take part as one of `world_size` workers in a packed TrainingJob, to which `carried` is Ray's reference.

    home: of the job's store. The first worker leaves the model in the storage, if there is one and the driver does not see
    the worker's folder. Raises as `train` does.
    """
    import ray

    store = home.here()
    job: TrainingJob = unpack(ray.get(carried), store)
    summary = train(job, rank, world_size, report)
    if rank == 0 and not home.is_in(store):
        store.push(job.output / "model")
    forget_checkpoints(job)
    return summary
