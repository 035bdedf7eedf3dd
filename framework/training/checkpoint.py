"""Checkpoints from which training goes on exactly where it was.

They are read as plain data and tensors: whoever can write where they lie can spoil a training, but run no code here. Sizes and
checksums of their files are kept beside them, so that none is taken that is not as it was written.
"""

import os
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from distil.framework.errors import StoreError, first_line
from distil.framework.files import PASSING, read_sealed, write_sealed
from distil.framework.manifest import damage, described
from distil.framework.store import Store
from distil.framework.training.engine import TrainingEngine
from distil.framework.training.history import Meter
from distil.framework.training.job import CHECKPOINTS, TrainingJob
from distil.framework.training.random_state import random_state, set_random_state
from distil.framework.training.watch import Watch

_LATEST = "latest.json"


@dataclass(frozen=True)
class Position:
    """How far a training is: optimizer steps done, and seconds spent."""

    step: int
    seconds: float


def save_checkpoint(
    engine: TrainingEngine, meter: Meter, watch: Watch, job: TrainingJob, position: Position, rank: int
) -> None:
    """Save the engine, the meter, what was measured, and the random state of every worker; all workers have to call this together.

    `latest.json` is written last, so that a checkpoint is either whole or not there. With a storage, a checkpoint is kept
    there too, in parts that each machine has.
    """
    import torch
    import torch.distributed as dist

    folder, store = job.checkpoints, job.store
    tag = _tag(position.step)
    first_here = _first_of_machine(job, rank)
    engine.save(folder / tag)
    state = {"random": random_state(), "meter": meter.state(), "watch": watch.state(folder / tag)}
    torch.save(state, folder / tag / f"worker-{rank}.pt")
    dist.barrier()
    files = _files_of_all(folder / tag, first_here)
    if store.storage is not None:
        if first_here:
            store.push(folder / tag)
        dist.barrier()
    if rank == 0:
        if job.history.exists():
            store.push(job.history)
        write_sealed(folder / _LATEST, {"step": position.step, "seconds": position.seconds, "files": files})
        store.push(folder / _LATEST)
    if first_here:
        for old in folder.glob("step-*/"):
            if old.name != tag and rank == 0:
                store.remove(old)
            elif old.name != tag:
                shutil.rmtree(old, ignore_errors=True)
    dist.barrier()


def load_checkpoint(engine: TrainingEngine, meter: Meter, watch: Watch, job: TrainingJob, rank: int) -> Position:
    """Bring all to where the latest checkpoint is; without one, this is the beginning. With a storage, its latest counts:
    workers on several machines have to agree. Raises StoreError for one that cannot be read."""
    import torch

    folder, latest = job.checkpoints, job.checkpoints / _LATEST
    if not _is_there(job):
        return Position(0, 0.0)
    position, files = _read_latest(latest)
    tag = _tag(position.step)
    job.store.pull_folder(folder / tag)
    _check(job, folder / tag, files, rank)
    try:
        state = torch.load(folder / tag / f"worker-{rank}.pt", map_location="cpu", weights_only=True)
        engine.load(folder / tag)
    except torch.OutOfMemoryError:
        raise
    except UnpicklingError:
        raise _unreadable(folder / tag, latest, "it holds more than tensors and numbers") from None
    except (OSError, EOFError, RuntimeError, KeyError, ValueError, AssertionError) as error:
        raise _unreadable(folder / tag, latest, f"files are missing or damaged: {first_line(error)}") from None
    set_random_state(state["random"])
    meter.resume(state["meter"])
    watch.resume(state.get("watch", {}), folder / tag)  # those of before have none, and chose nothing
    return position


def _read_latest(path: Path) -> tuple[Position, dict[str, Any]]:
    """Where the latest checkpoint is, and its files as they were described. Raises StoreError."""
    try:
        found = read_sealed(path)
        return Position(int(found["step"]), float(found["seconds"])), dict(found["files"])
    except (ValueError, TypeError, KeyError) as error:
        raise StoreError(
            f"{path} is damaged ({first_line(error)}); to begin this training anew delete it, in the storage too if there is one"
        ) from None


def _files_of_all(folder: Path, first_here: bool) -> dict[str, Any]:
    """All files of a checkpoint, on whatever machine they lie, as `described`, and safe on the disk: `latest.json` would
    outlive a power cut, and the checkpoint before is removed."""
    import torch.distributed as dist

    own: dict[str, Any] = {}
    if first_here:
        paths = [path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(PASSING)]
        for path in paths:
            with path.open("rb") as file:
                os.fsync(file.fileno())
        own = described(folder, paths)
    parts: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(parts, own)
    return {name: file for part in parts for name, file in part.items()}


def _check(job: TrainingJob, folder: Path, files: dict[str, Any], rank: int) -> None:
    """Hold a checkpoint against what was written, once on every machine. With a storage, one that is not whole here is brought
    anew. Raises StoreError, in all workers."""
    import torch.distributed as dist

    wrong: list[str] = []
    if _first_of_machine(job, rank):
        wrong = list(damage(folder, files))
        if wrong and job.store.storage is not None:
            shutil.rmtree(folder, ignore_errors=True)
            job.store.pull_folder(folder)
            wrong = list(damage(folder, files))
    of_all: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(of_all, wrong)
    if found := [one for part in of_all for one in part]:
        raise _unreadable(folder, job.checkpoints / _LATEST, ", ".join(found[:5]))


def _unreadable(folder: Path, latest: Path, found: str) -> StoreError:
    return StoreError(
        f"the checkpoint {folder} cannot be read ({found}); to begin this training anew delete {latest}, in the storage too if "
        "there is one"
    )


def remove_checkpoints(output: Path, store: Store) -> None:
    """Remove the checkpoints of a training that is over, here and in the storage: first what says that there are any."""
    store.remove(output / CHECKPOINTS / _LATEST)
    store.remove(output / CHECKPOINTS)


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


def _tag(step: int) -> str:
    return f"step-{step}"


def _is_there(job: TrainingJob) -> bool:
    latest = job.checkpoints / _LATEST
    return latest.exists() if job.store.storage is None else job.store.pull(latest)
