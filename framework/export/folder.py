"""The folder that is handed out: new, and whole or not there."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from framework.errors import OutputError
from framework.manifest import check_saved, write_manifest


@contextmanager
def new_folder(to: Path) -> Iterator[Path]:
    """A folder to fill, which becomes `to` when the context ends; after an error nothing is left of it.

    It gets a manifest, by which distil knows its files again; the model card, README.md, is there to be written on.
    Raises OutputError where `to` holds something already or cannot be made.
    """
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise OutputError(f"{to} exists already; name a new folder")
    filling = to.absolute().with_name(f".{to.absolute().name}.{os.getpid()}.tmp")
    try:
        filling.mkdir(parents=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {to}: {error.strerror}; name another one") from None
    try:
        yield filling
        write_manifest(filling, {"kind": "copy"}, but_for=("README.md",))
        filling.replace(to)
    finally:
        shutil.rmtree(filling, ignore_errors=True)


def copy_model(source: Path, folder: Path) -> None:
    """Copy the files of a saved model into `folder`. Raises OutputError if they are gone, StoreError if they are damaged."""
    if not source.is_dir():
        raise OutputError(f"the model's folder {source} is gone; run its recipe again to make it anew")
    check_saved(source)
    # Contents only: in the store weights are for their owner alone.
    shutil.copytree(source, folder, copy_function=shutil.copyfile, dirs_exist_ok=True)


def megabytes(*files: Path) -> float:
    """The size of the files together, in 10^6 bytes."""
    return sum(file.stat().st_size for file in files) / 1e6
