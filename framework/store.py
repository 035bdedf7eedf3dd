"""Results addressed by the digest of what they depend on. A manifest, written last, says that one is whole."""

import shutil
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from distil.framework.digest import Key
from distil.framework.errors import StoreError
from distil.framework.files import Json, make_folder
from distil.framework.locks import deserted, locked, note_of
from distil.framework.manifest import MANIFEST, check_files, read_manifest, write_manifest
from distil.framework.storage import Storage

if TYPE_CHECKING:
    from distil.framework.recipe.schema import Recipe


@dataclass(frozen=True)
class Artifact:
    """A finished result: its folder, its digest, the facts that its maker noted about it, the versions that made it, and
    from when to when, in Unix time; a result of before does not say when it was started."""

    folder: Path
    digest: str
    facts: Json
    versions: Json
    started: float | None
    finished: float
    reused: bool


@dataclass(frozen=True)
class Store:
    """The folder under which results of all runs lie: ``root/kind/digest/``.

    storage: where results are kept as well, for machines that do not share the folder; None: they all do, or there is one.
    """

    root: Path
    storage: Storage | None = None

    def folder(self, key: Key) -> Path:
        """Where the result of this key lies, or will lie."""
        return self.root / key.kind / key.digest

    def find(self, key: Key) -> Artifact | None:
        """The finished result of this key, if there is one; `bring` sees to it that it is here.

        Raises StoreError on a damaged manifest.
        """
        return self._read(self.folder(key))

    def of_other_versions(self, key: Key) -> Artifact | None:
        """The latest finished result that differs from this key's only in versions, if there is one.

        Raises StoreError on a damaged manifest.
        """
        beside = self.root / key.kind
        names = {path.parent.name for path in beside.glob(f"{key.content}-*/{MANIFEST}")}
        if self.storage is not None:
            begin = f"{key.content}-"
            names |= {name for name in self.storage.names(self._name(beside)) if name.startswith(begin)}
        found = [self._read(beside / name) for name in names - {key.digest} if not name.endswith(".lock")]
        return max((one for one in found if one is not None), key=lambda one: one.finished, default=None)

    def produce(self, key: Key, make: Callable[[Path], Json]) -> Artifact:
        """The result of this key: the finished one, or else made now.

        `make` writes into the folder that it is given, may find there what a stopped attempt left, and returns facts
        for the manifest. Of two runs on a machine that need the same result, one makes it and the other waits.
        """
        found = self.find(key)
        if found is not None:
            self._share(found.folder)
            return found
        folder = self.folder(key)
        make_folder(folder)
        with self.alone_in(folder):
            found = self.find(key)
            if found is not None:
                return found
            started = time.time()
            values = {
                "kind": key.kind,
                "digest": key.digest,
                "inputs": key.plain_inputs,
                "versions": dict(key.versions),
                "facts": make(folder),
                "started": started,
                "finished": time.time(),
            }
            write_manifest(folder, values)
            self.push(folder, last=MANIFEST)
        return replace(_artifact(folder, values), reused=False)

    def is_being_made(self, key: Key) -> bool:
        """Whether another process is at the result of this key now, as far as can be told without waiting."""
        lock = self._lock(self.folder(key))
        return note_of(lock).exists() and not deserted(lock)

    def bring(self, folder: Path) -> Path:
        """The folder of a result, with its files brought here if another machine has made it, as they were written.

        Raises StoreError where they are damaged, OutputError.
        """
        if self.storage is not None and not (folder / MANIFEST).exists() and self._in_storage(folder):
            make_folder(folder)
            with self.alone_in(folder):
                if not (folder / MANIFEST).exists():
                    self._fetch(folder, self.storage)
        check_files(folder)
        return folder

    def result_of(self, path: Path) -> Path:
        """The folder of the result in which a path in the store lies."""
        return self.root.joinpath(*path.relative_to(self.root).parts[:2])

    def alone_in(self, folder: Path) -> AbstractContextManager[None]:
        """The lock of a result, which whoever makes it holds."""
        return locked(self._lock(folder), f"the result {folder}")

    def _lock(self, folder: Path) -> Path:
        return folder.with_suffix(".lock")

    def check(self) -> None:
        """Look whether the storage, if there is one, can be used. Raises OutputError."""
        if self.storage is not None:
            self.storage.check()

    def push(self, path: Path, last: str | None = None) -> None:
        """Copy a file or a folder, of the store or beside it, to the storage, if there is one; the file `last` after all
        others."""
        if self.storage is not None:
            self.storage.put(path, self._name(path), last)

    def pull(self, path: Path) -> bool:
        """Bring a file, of an unfinished result or beside the store, here as the storage has it; returns whether it has."""
        return self.storage is not None and self.storage.get_file(self._name(path), path)

    def pull_folder(self, folder: Path) -> None:
        """Bring what is missing here of a folder of an unfinished result, whose files never change."""
        if self.storage is None:
            return
        make_folder(folder)
        # Whoever makes the result may hold the other one.
        with locked(folder.with_suffix(".pull.lock"), f"files of {folder}"):
            self.storage.get(self._name(folder), folder, missing=True)

    def remove(self, path: Path) -> None:
        """Remove a file or a folder of the store here and in the storage."""
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        if self.storage is not None:
            self.storage.remove(self._name(path))

    def _fetch(self, folder: Path, storage: Storage) -> None:
        """Bring a finished result here. Raises StoreError where that of the storage is damaged; nothing counts as brought."""
        storage.get(self._name(folder), folder, last=MANIFEST)
        try:
            check_files(folder)
        except StoreError as error:
            (folder / MANIFEST).unlink()
            raise StoreError(
                f"{error}; it came like that from {storage.uri_of(self._name(folder))}: delete that, too"
            ) from None

    def _share(self, folder: Path) -> None:
        """Copy a finished result to the storage that is here alone: made without a storage, or not copied for an error."""
        if self.storage is not None and (folder / MANIFEST).exists() and not self._in_storage(folder):
            check_files(folder)
            self.push(folder, last=MANIFEST)

    def _read(self, folder: Path) -> Artifact | None:
        content = self._manifest(folder)
        return None if content is None else _artifact(folder, read_manifest(content, folder / MANIFEST))

    def _manifest(self, folder: Path) -> bytes | None:
        path = folder / MANIFEST
        if path.exists():
            return path.read_bytes()
        return None if self.storage is None else self.storage.read(self._name(path))

    def _in_storage(self, folder: Path) -> bool:
        return self.storage is not None and self.storage.exists(self._name(folder / MANIFEST))

    def _name(self, path: Path) -> str:
        """Its name in the storage: below `store`, whatever the root is called here, or beside that."""
        if path.is_relative_to(self.root):
            return f"store/{path.relative_to(self.root).as_posix()}"
        return path.relative_to(self.root.parent).as_posix()


def store_of(recipe: "Recipe") -> Store:
    """The store of a recipe's results."""
    storage = Storage(recipe.storage) if recipe.storage is not None else None
    return Store(recipe.output_folder / "store", storage)


def _artifact(folder: Path, manifest: Json) -> Artifact:
    return Artifact(
        folder,
        folder.name,
        manifest["facts"],
        manifest["versions"],
        manifest.get("started"),
        float(manifest["finished"]),
        reused=True,
    )
