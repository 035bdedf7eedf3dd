"""Signals as a student's windows read them, kept in the store: the next student that reads the same reads nothing anew."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from framework.data.features import Features
from framework.data.load import Split
from framework.data.window_cache import tokenizer_digest
from framework.digest import Key, versions
from framework.signals.algebra import Signals
from framework.signals.source import SignalSource
from framework.stages.stage import Context, key_of
from framework.stages.supervision import Supervision
from framework.tasks.base import Plain, trained_settings
from framework.training.items import EagerSignals, Items, SignalItems

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_FILE = "targets.safetensors"


@dataclass(frozen=True)
class Targets:
    """What a student with this tokenizer is taught about the questions of `split`."""

    context: Context
    supervision: Supervision
    split: Split
    features: Features
    tokenizer: "PreTrainedTokenizerFast"

    def items(self, source: SignalSource, temperatures: Sequence[float]) -> Items:
        """The windows with gold positions and with signals at each temperature, which are read now or were before."""
        items = self._items(None, ())
        if not isinstance(items, SignalItems):  # of a task that keeps signals in its own way
            return self._items(source, temperatures)
        columns = {temperature: self._at(source, temperature) for temperature in temperatures}
        return items.with_signals(EagerSignals(columns) if columns else None)

    def figures(self) -> Plain:
        """Figures on what the student reads, see Supervision.figures; of these signals and windows they are taken once."""
        if not any(self.supervision.collections.values()):
            return {}

        def make(folder: Path) -> Plain:
            return self.supervision.figures(self.context, self.split.examples, self.features)

        return dict(self.context.store.produce(self._key("figures", {}), make).facts)

    def _at(self, source: SignalSource, temperature: float) -> list[Signals]:
        def make(folder: Path) -> Plain:
            items = self._items(source, [temperature])
            assert isinstance(items, SignalItems)
            found = items.signals
            assert isinstance(found, EagerSignals)
            alternatives = found.columns[temperature]
            _save(folder / _FILE, alternatives)
            return {"alternatives": len(alternatives), "windows": len(self.features)}

        store = self.context.store
        made = store.produce(self._key("targets", {"temperature": temperature}), make)
        return _load(store.bring(made.folder) / _FILE, int(made.facts["alternatives"]))

    def _items(self, source: SignalSource | None, temperatures: Sequence[float]) -> Items:
        pad_id = int(self.tokenizer.pad_token_id)
        task = self.context.task
        return task.training_items(self.split.examples, self.features, pad_id, source, temperatures, eager=True)

    def _key(self, kind: str, inputs: Plain) -> Key:
        recipe = self.context.recipe
        depends = {
            "teaching": self.supervision.inputs(self.context),
            "data": self.split.digest,
            "task": trained_settings(self.context.task),
            "windows": recipe.windows.model_dump(),
            "tokenizer": tokenizer_digest(self.tokenizer),
            **inputs,
        }
        return key_of(self.context, kind, depends, versions(1, ("transformers", "tokenizers")))


def _save(path: Path, alternatives: Sequence[Signals]) -> None:
    from safetensors.numpy import save_file

    columns = {
        f"{number}.{field.name}": getattr(one, field.name)
        for number, one in enumerate(alternatives)
        for field in fields(one)
    }
    # Places of tokens are small numbers.
    narrow = {name: column.astype(np.int32) if name.endswith(".keys") else column for name, column in columns.items()}
    save_file({name: np.ascontiguousarray(column) for name, column in narrow.items()}, path)


def _load(path: Path, alternatives: int) -> list[Signals]:
    from safetensors.numpy import load_file

    columns = load_file(path)

    def one(number: int) -> Signals:
        found = {field.name: columns[f"{number}.{field.name}"] for field in fields(Signals)}
        return Signals(**{**found, "keys": found["keys"].astype(np.int64)})

    return [one(number) for number in range(alternatives)]
