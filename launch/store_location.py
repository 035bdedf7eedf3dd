"""Where results lie, on whatever machine of a cluster a worker finds itself."""

import os
import uuid
from dataclasses import dataclass
from pathlib import Path

from framework.digest import digest_of_strings
from framework.errors import TrainingError
from framework.files import make_folder, write_atomic
from framework.store import Store

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
        from framework.storage import Storage

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
