"""The folder of a run or a search belongs to one process at a time, and shows if that was killed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from framework.locks import deserted, locked
from framework.store import make_folder

_LOCK = ".run.lock"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Have the folder of a run or a search, which is made if need be, for this process alone. Raises OutputError."""
    make_folder(folder)
    with locked(folder / _LOCK, f"the run {folder}"):
        yield


def true_state(folder: Path, state: str) -> str:
    """How a run or a search stands of which the file in `folder` says `state`: `running` is what it says for ever once its
    process was killed, and then it counts as `failed`."""
    return "failed" if state == "running" and deserted(folder / _LOCK) else state
