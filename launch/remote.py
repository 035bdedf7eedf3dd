"""What workers on other machines need: the store as they see it, jobs pickled for them, and the folders of models and tokenizers
that recipes name, by way of the store.

In a pickled job, paths into one's store become paths into theirs, filled from the storage. Finished results are brought there,
but for what the work itself is about: who orders it holds the lock of that, and a worker that found it finished in the
storage, by somebody else meanwhile, would wait for that lock for ever.
"""

import io
import os
import pickle
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from distil.framework.digest import Key, digest_of_files, digest_of_strings
from distil.framework.errors import TrainingError
from distil.framework.files import Json, make_folder, write_atomic
from distil.framework.store import Store
from distil.framework.training.checkpoint import forget_checkpoints
from distil.framework.training.history import ReportTo
from distil.framework.training.job import TrainingJob, TrainingSummary
from distil.framework.training.loop import train

_MARK = ".mark"


@dataclass(frozen=True)
class StoreLocation:
    """The store of whoever drives the work, as workers come to it.

    A machine that sees the driver's own folder, which `mark` tells, uses that. Another needs a storage, and has a folder of
    its own that is filled from there: DISTIL_CACHE, or ~/.cache/distil. With DISTIL_CACHE it is used in any case.
    """

    root: str
    uri: str | None
    mark: str

    def here(self) -> Store:
        """The store on this machine. Raises TrainingError where neither folder nor storage can be reached from it."""
        from distil.framework.storage import Storage

        storage = Storage(self.uri) if self.uri is not None else None
        cache = os.environ.get("DISTIL_CACHE")
        if storage is None or (cache is None and self._sees()):
            if not self._sees():
                raise TrainingError(
                    f"the machine {os.uname().nodename} does not see the folder {self.root} of the one that drives the run: "
                    "set `output` to a folder on a disk that all machines share under the same path, or `storage` to a URI "
                    "that all of them reach"
                )
            return Store(Path(self.root), storage)
        assert self.uri is not None
        folder = Path(cache or "~/.cache/distil").expanduser() / digest_of_strings([self.uri])[:8]
        make_folder(folder)
        return Store(folder / "store", storage)

    def is_in(self, store: Store) -> bool:
        """Whether `store`, of this or another machine, lies in the driver's own folder."""
        return store.root == Path(self.root)

    def _sees(self) -> bool:
        try:
            return (Path(self.root) / _MARK).read_text() == self.mark
        except OSError:
            return False


def location_of(store: Store) -> StoreLocation:
    """The location of this process's store, which is marked as its own."""
    make_folder(store.root)
    path = store.root / _MARK
    if not path.exists():
        write_atomic(path, uuid.uuid4().hex)
    return StoreLocation(str(store.root), store.storage.uri if store.storage is not None else None, path.read_text())


Pickled = bytes


def pack(value: object, store: Store, making: Sequence[Path]) -> Pickled:
    """`value`, with the paths in it that lie in `store` as places there. making: folders of the results that are being made."""
    from ray.cloudpickle import CloudPickler

    class Packer(CloudPickler):  # type: ignore[misc]  # pickle asks for places by a method of its own
        def persistent_id(self, found: object) -> tuple[str, bool] | None:
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
    pickled: object, location: StoreLocation, rank: int, world_size: int, report: ReportTo
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


_FILES = "files"
_FOLDERS = (("model", "path"), ("tokenizer", "id"))  # where sections name them


def keep_sources(recipes: list[Json], store: Store) -> dict[str, str]:
    """Keep every folder that the recipes, as plain data, name; returns where in the store, by the path named."""
    kept: dict[str, str] = {}
    for path in dict.fromkeys(path for recipe in recipes for path in _named(recipe)):
        folder = Path(path).expanduser().absolute()
        files = [one for one in folder.iterdir() if one.is_file()]
        artifact = store.produce(Key("sources", {"files": digest_of_files(files)}), partial(_copy, files))
        kept[path] = str((artifact.folder / _FILES).relative_to(store.root))
    return kept


def with_sources(values: Any, kept: Mapping[str, str], store: Store) -> Any:
    """A recipe, or a part of one, as plain data, with the folders that were kept as they are on this machine."""
    keys = [key for _, key in _FOLDERS]
    if isinstance(values, Mapping):
        return {
            key: _brought(kept[value], store)
            if key.rpartition(".")[2] in keys and isinstance(value, str) and value in kept
            else with_sources(value, kept, store)
            for key, value in values.items()
        }
    if isinstance(values, list):
        return [with_sources(value, kept, store) for value in values]
    return values


def _named(values: object) -> Iterator[str]:
    """Folders that sections of models and tokenizers name."""
    if isinstance(values, Mapping):
        for place, key in _FOLDERS:
            section = values.get(place)
            path = section.get(key) if isinstance(section, Mapping) else None
            if isinstance(path, str) and Path(path).expanduser().is_dir():
                yield path
        for value in values.values():
            yield from _named(value)
    elif isinstance(values, list):
        for value in values:
            yield from _named(value)


def _copy(files: list[Path], to: Path) -> Json:
    target = to / _FILES
    target.mkdir(exist_ok=True)
    for file in files:
        try:
            # The file itself: the hub's cache holds links, which lead nowhere from another folder.
            os.link(file.resolve(), target / file.name)
        except OSError:  # another disk, or there already
            shutil.copyfile(file, target / file.name)
    return {"bytes": sum(file.stat().st_size for file in files)}


def _brought(place: str, store: Store) -> str:
    folder = store.root / place
    store.bring(folder.parent)
    return str(folder)
