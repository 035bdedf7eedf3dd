"""Sending work to another machine: paths into one's store become paths into its store, filled from the storage.

Finished results are brought there, but for what the work itself is about: who orders it holds the lock of that, and a worker
that found it finished in the storage, by somebody else meanwhile, would wait for that lock for ever.
"""

import io
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from framework.store import Store
from framework.training.checkpoint import forget_checkpoints
from framework.training.job import ReportTo, TrainingJob, TrainingSummary
from framework.training.loop import train
from launch.store_location import StoreLocation

Pickled = bytes


def pack(value: Any, store: Store, making: Sequence[Path]) -> Pickled:
    """`value`, with the paths in it that lie in `store` as places there. making: folders of the results that are being made."""
    from ray.cloudpickle import CloudPickler

    class Packer(CloudPickler):  # type: ignore[misc]  # pickle asks for places by a method of its own
        def persistent_id(self, found: Any) -> tuple[str, bool] | None:
            """pickle's hook: what is named instead of being pickled."""
            if isinstance(found, Path) and found.is_relative_to(store.root):
                return str(found.relative_to(store.root)), store.result_of(found) not in making
            return None

    buffer = io.BytesIO()
    Packer(buffer).dump(value)
    return buffer.getvalue()


def unpack(pickled: Pickled, store: Store) -> Any:
    """What was packed, with paths into the `store` of this machine; finished results that they lie in are brought here."""

    class Unpacker(pickle.Unpickler):
        def persistent_load(self, named: tuple[str, bool]) -> Path:
            """pickle's hook: what a name stands for."""
            place, wanted = named
            if wanted:
                store.bring(store.result_of(store.root / place))
            return store.root / place

    return Unpacker(io.BytesIO(pickled)).load()


def train_pickled(
    pickled: Any, location: StoreLocation, rank: int, world_size: int, report: ReportTo
) -> TrainingSummary:
    """Take part as one of `world_size` workers in a packed TrainingJob, to which `pickled` is Ray's reference.

    location: of the job's store. The first worker leaves the model in the storage, if there is one and the driver does not see
    the worker's folder. Raises as `train` does.
    """
    import ray

    store = location.here()
    job: TrainingJob = unpack(ray.get(pickled), store)
    summary = train(job, rank, world_size, report)
    if rank == 0 and not location.is_in(store):
        store.push(job.output / "model")
    forget_checkpoints(job)
    return summary
