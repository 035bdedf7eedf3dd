"""The hub's cache on this machine, filled by tests."""

import hashlib
import json
from pathlib import Path

import pytest


class Repository:
    """Files of a repository, which go into the cache when the block ends: blobs, and a snapshot of links to them."""

    def __init__(self, home: Path, kind: str, id: str) -> None:
        self._folder = home / "hub" / f"{kind}s--{id.replace('/', '--')}"
        self._files: dict[str, bytes] = {}

    def __enter__(self) -> dict[str, bytes]:
        return self._files

    def __exit__(self, *_: object) -> None:
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in self._files.items()}
        commit = hashlib.sha1(json.dumps(digests).encode()).hexdigest()
        for name, content in self._files.items():
            blob = self._folder / "blobs" / digests[name]
            link = self._folder / "snapshots" / commit / name
            for path in (blob, link):
                path.parent.mkdir(parents=True, exist_ok=True)
            blob.write_bytes(content)
            link.symlink_to(blob)
        (self._folder / "refs").mkdir()
        (self._folder / "refs" / "main").write_text(commit)


def use_cache(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process use the cache in `home`, with the hub out of reach."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
