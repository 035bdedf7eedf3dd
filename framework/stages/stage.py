"""A stage: one result, what it depends on, and how it is made."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unicodedata import normalize

from distil.framework.data.features import WindowSettings
from distil.framework.data.load import Split
from distil.framework.digest import Key
from distil.framework.progress import Progress
from distil.framework.recipe.schema import Recipe
from distil.framework.signals.teacher_pass import Streamer
from distil.framework.store import Store
from distil.framework.tasks.base import InferenceConfig, Task
from distil.framework.tasks.facts import trained_settings
from distil.framework.training.job import Trainer


@dataclass(frozen=True)
class Context:
    """What all stages of a run share. task: the recipe's, fitted to the data; precision is what the recipe's
    `auto` came to; device: cpu or cuda, on which models are run here; stream is None where signals are collected before the
    student is trained."""

    recipe: Recipe
    task: Task
    data: Mapping[str, Split]
    store: Store
    precision: str
    device: str
    train: Trainer
    stream: Streamer | None
    progress: Progress

    def inference(self, windows: WindowSettings) -> InferenceConfig:
        """How a model with these windows reads when it is asked for signals."""
        signals = self.recipe.signals
        return InferenceConfig(
            self.task,
            windows,
            signals.batch_size,
            self.precision,
            batch_tokens=signals.batch_tokens,
            answers=self.answers,
            storage=self.store.storage,
        )

    @property
    def answers(self) -> Path:
        """See answers_folder."""
        return answers_folder(self.store)


def answers_folder(store: Store) -> Path:
    """Where answers of language models are kept, for all runs below one output."""
    return store.root / "answers"


@dataclass(frozen=True)
class Stage:
    """One result. key: what it depends on, with the keys of the stages before it; `make` fills the folder that it is given
    and returns facts for the manifest."""

    title: str
    key: Key
    make: Callable[[Path], dict[str, Any]]

    @property
    def kind(self) -> str:
        """Its folder in the store."""
        return self.key.kind

    @property
    def inputs(self) -> dict[str, Any]:
        """What it depends on, with the digests of the stages before it."""
        return self.key.plain_inputs

    @property
    def digest(self) -> str:
        """The name of its folder."""
        return self.key.digest

    def folder(self, store: Store) -> Path:
        """Where the result lies once it is made."""
        return store.folder(self.key)

    def result(self, store: Store) -> Path:
        """The folder of the result, which is made, with its files brought here."""
        return store.bring(self.folder(store))

    def is_done(self, store: Store) -> bool:
        """Whether the result is made."""
        return store.find(self.key) is not None

    def facts(self, store: Store) -> dict[str, Any]:
        """The facts about the result, which has to be made."""
        found = store.find(self.key)
        assert found is not None, self.title
        return found.facts


def answers_version(task: Task, kind: object) -> dict[str, int]:
    """What stands among the versions of what a teacher of this kind says: since answers name labels however Unicode spells these, where a
    task's have two spellings."""
    named = json.dumps(trained_settings(task), ensure_ascii=False)
    told = kind == "chat" and not task.writes and normalize("NFC", named) != normalize("NFD", named)
    return {"answers": 2} if told else {}


def key_of(context: Context, kind: str, inputs: Mapping[str, Any], versions: Mapping[str, Any]) -> Key:
    """The key of a result that a stage leaves. With `engine.accept_versions`, a result of other versions stands in for one
    that is not made."""
    key = Key(kind, inputs, versions)
    if not context.recipe.engine.accept_versions or context.store.find(key) is not None:
        return key
    other = context.store.of_other_versions(key)
    return key if other is None else replace(key, taken=other.digest)
