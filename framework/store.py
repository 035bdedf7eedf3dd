"""Results addressed by the digest of what they depend on. A manifest, written last, says that one is whole."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from framework.digest import digest_of
from framework.errors import OutputError, StoreError
from framework.files import read_json, write_json


@dataclass(frozen=True)
class Artifact:
    """A finished result: its folder, its digest, and the facts that its maker noted about it."""

    folder: Path
    digest: str
    facts: dict[str, Any]
    reused: bool


@dataclass(frozen=True)
class Store:
    """The folder under which results of all runs lie: ``root/kind/digest/``."""

    root: Path

    def folder(self, kind: str, inputs: dict[str, Any]) -> Path:
        """Where the result made of `inputs` lies, or will lie."""
        return self.root / kind / digest_of({"kind": kind, **inputs})

    def find(self, kind: str, inputs: dict[str, Any]) -> Artifact | None:
        """The finished result made of `inputs`, if there is one. Raises StoreError on a damaged manifest."""
        folder = self.folder(kind, inputs)
        manifest = folder / "manifest.json"
        if not manifest.exists():
            return None
        try:
            facts = read_json(manifest)["facts"]
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{manifest} is damaged ({error}); delete the folder {folder} and run again") from None
        return Artifact(folder, folder.name, facts, reused=True)

    def produce(self, kind: str, inputs: dict[str, Any], make: Callable[[Path], dict[str, Any]]) -> Artifact:
        """The result made of `inputs`: the finished one, or else made now.

        `make` writes into the folder that it is given, may find there what a stopped attempt left, and returns facts
        for the manifest. Of two runs that need the same result, one makes it and the other waits.
        """
        found = self.find(kind, inputs)
        if found is not None:
            return found
        folder = self.folder(kind, inputs)
        make_folder(folder)
        with FileLock(folder.with_suffix(".lock")):
            found = self.find(kind, inputs)
            if found is not None:
                return found
            facts = make(folder)
            write_json(
                folder / "manifest.json",
                {
                    "kind": kind,
                    "digest": folder.name,
                    "inputs": inputs,
                    "facts": facts,
                    "finished": time.time(),
                },
            )
        return Artifact(folder, folder.name, facts, reused=False)


def make_folder(folder: Path) -> None:
    """Create `folder` and its parents. Raises OutputError where that is not allowed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot write into {folder}: {error.strerror}; set `output` to a folder that you may write to"
        ) from None
