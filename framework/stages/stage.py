"""A stage: one result, what it depends on, and how it is made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from framework.data.load import Split
from framework.digest import digest_of
from framework.progress import Progress
from framework.recipe import Recipe
from framework.store import Store
from framework.training.job import Trainer


@dataclass(frozen=True)
class Context:
    """What all stages of a run share. precision and workers are what the recipe's `auto` came to."""

    recipe: Recipe
    data: Mapping[str, Split]
    store: Store
    precision: str
    workers: int
    train: Trainer
    progress: Progress


@dataclass(frozen=True)
class Stage:
    """One result. `kind` is its folder in the store; its digest is that of `inputs`, which hold the digests of the
    stages before it. `make` fills the folder that it is given and returns facts for the manifest."""

    title: str
    kind: str
    inputs: dict[str, Any]
    make: Callable[[Path], dict[str, Any]]

    @property
    def digest(self) -> str:
        """Digest of kind and inputs; the name of its folder."""
        return digest_of({"kind": self.kind, **self.inputs})

    def folder(self, store: Store) -> Path:
        """Where the result lies once it is made."""
        return store.folder(self.kind, self.inputs)
