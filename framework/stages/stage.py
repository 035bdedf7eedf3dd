"""A stage: one result, what it depends on, and how it is made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from framework.data.load import Split
from framework.data.windows_section import WindowSettings
from framework.digest import digest_of
from framework.progress import Progress
from framework.readers.base import Reading
from framework.recipe import Recipe
from framework.signals.stream import Streamer
from framework.store import Store
from framework.training.job import Trainer


@dataclass(frozen=True)
class Context:
    """What all stages of a run share. precision and workers are what the recipe's `auto` came to; stream is None where
    signals are collected before the student is trained."""

    recipe: Recipe
    data: Mapping[str, Split]
    store: Store
    precision: str
    workers: int
    train: Trainer
    stream: Streamer | None
    progress: Progress

    def reading(self, windows: WindowSettings) -> Reading:
        """How a model with these windows reads when it is asked for signals."""
        recipe = self.recipe
        batch = recipe.signals.batch_size
        return Reading(recipe.task, windows, recipe.data.unanswerable, batch, self.precision)


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

    def result(self, store: Store) -> Path:
        """The folder of the result, which is made, with its files brought here."""
        return store.bring(self.folder(store))

    def is_done(self, store: Store) -> bool:
        """Whether the result is made."""
        return store.find(self.kind, self.inputs) is not None

    def facts(self, store: Store) -> dict[str, Any]:
        """The facts about the result, which has to be made."""
        found = store.find(self.kind, self.inputs)
        assert found is not None, self.title
        return found.facts
