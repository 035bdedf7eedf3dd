"""Checkpoints from which training goes on exactly where it was."""

import shutil
import socket
from dataclasses import dataclass
from typing import Any

from framework.files import read_json, write_json
from framework.training.job import TrainingJob
from framework.training.meter import Meter
from framework.training.random_state import random_state, set_random_state

_LATEST = "latest.json"


@dataclass(frozen=True)
class Position:
    """How far a training is: optimizer steps done, and seconds spent."""

    step: int
    seconds: float


def save_checkpoint(engine: Any, meter: Meter, job: TrainingJob, position: Position, rank: int) -> None:
    """Save the engine, the meter and the random state of every worker; all workers have to call this together.

    `latest.json` is written last, so that a checkpoint is either whole or not there. With a storage, a checkpoint is kept
    there too, in parts that each machine has.
    """
    import torch
    import torch.distributed as dist

    folder, store = job.checkpoints, job.store
    tag = f"step-{position.step}"
    first_here = _first_of_machine(job, rank)
    engine.save_checkpoint(str(folder), tag=tag, save_latest=False)
    torch.save({"random": random_state(), "meter": meter.state()}, folder / tag / f"worker-{rank}.pt")
    dist.barrier()
    if store.storage is not None:
        if first_here:
            store.push(folder / tag)
        dist.barrier()
    if rank == 0:
        if job.history.exists():
            store.push(job.history)
        write_json(folder / _LATEST, {"tag": tag, "step": position.step, "seconds": position.seconds})
        store.push(folder / _LATEST)
    if first_here:
        for old in folder.glob("step-*/"):
            if old.name != tag and rank == 0:
                store.remove(old)
            elif old.name != tag:
                shutil.rmtree(old, ignore_errors=True)
    dist.barrier()


def load_checkpoint(engine: Any, meter: Meter, job: TrainingJob, rank: int) -> Position:
    """Bring all to where the latest checkpoint is; without one, this is the beginning. With a storage, its latest counts:
    workers on several machines have to agree."""
    import torch

    folder, latest = job.checkpoints, job.checkpoints / _LATEST
    found = read_json(latest) if _is_there(job) else None
    if found is None:
        return Position(0, 0.0)
    job.store.pull_folder(folder / found["tag"])
    engine.load_checkpoint(str(folder), tag=found["tag"])
    # Written by this very training, so that a pickle is safe; random states are more than tensors.
    state = torch.load(folder / found["tag"] / f"worker-{rank}.pt", weights_only=False)
    set_random_state(state["random"])
    meter.resume(state["meter"])
    return Position(int(found["step"]), float(found["seconds"]))


def forget_checkpoints(job: TrainingJob) -> None:
    """Remove this machine's checkpoints once its worker is done, if there is a storage: that has the last one."""
    if job.store.storage is not None:
        shutil.rmtree(job.checkpoints, ignore_errors=True)


def _first_of_machine(job: TrainingJob, rank: int) -> bool:
    """Whether no worker of lower rank has its checkpoints in the same folder; without a storage, all have."""
    import torch.distributed as dist

    if job.store.storage is None:
        return rank == 0
    places: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(places, (socket.gethostname(), str(job.store.root)))
    return places.index(places[rank]) == rank


def _is_there(job: TrainingJob) -> bool:
    latest = job.checkpoints / _LATEST
    return latest.exists() if job.store.storage is None else job.store.pull(latest)
