"""By whom a student is taught: its source of signals, and what it reads of them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from distil.framework.data.example import Example
from distil.framework.data.features import Features
from distil.framework.data.load import Split
from distil.framework.data.window_cache import tokenizer_digest
from distil.framework.digest import Key, digest_of_strings, versions
from distil.framework.ensembles.base import Ensemble
from distil.framework.ensembles.route import Route
from distil.framework.ensembles.source import EnsembleSource, weight_figures
from distil.framework.metrics import points_of
from distil.framework.plugins import SOURCE, settings_of
from distil.framework.signals.algebra import Signals
from distil.framework.signals.concatenated import ConcatSignals
from distil.framework.signals.shards import Key as RowKey
from distil.framework.signals.shards import SignalReader, row_key
from distil.framework.signals.source import OneTeacher, SignalSource, TeacherSignals, taught_share
from distil.framework.stages.signals import Collection
from distil.framework.stages.stage import Context, Stage, key_of
from distil.framework.stages.written import Written
from distil.framework.tasks.base import Plain
from distil.framework.tasks.facts import trained_settings
from distil.framework.training.items import EagerSignals, Items, SignalItems

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_FILE = "targets.safetensors"


@dataclass(frozen=True)
class Supervision:
    """Teachers, and the rule that makes one of them.

    collections: of every teacher, one a split, none where no loss reads signals; held_out: of those teachers about whom
    something has to be known first; ensemble: None for a single teacher.
    """

    collections: Mapping[str, Sequence[Collection]]
    held_out: Mapping[str, Stage]
    ensemble: Ensemble | None

    @property
    def asking(self) -> Iterator[Stage]:
        """Stages by which teachers are asked, each after those whose signals its teacher is shown."""
        for found in (one for parts in self.collections.values() for one in parts):
            yield from (part.stage for part in (*found.proposals, found))

    @property
    def next_tokens(self) -> bool:
        """Whether any teacher is asked about these."""
        return any(found.asking.inference.next_tokens for parts in self.collections.values() for found in parts)

    def inputs(self, context: Context) -> dict[str, Any]:
        """What the source depends on."""
        column = self._column(context, ())
        return {
            # A list, as rules may choose by place, and sums depend on it in their last bits.
            "teachers": [
                {
                    "name": name,
                    "signals": [found.stage.key for found in parts],
                    "temperature": context.recipe.teachers[name].temperature,
                    "held_out": self.held_out[name].key if name in self.held_out else None,
                }
                for name, parts in self.collections.items()
            ],
            "ensemble": settings_of(self.ensemble) if self.ensemble is not None else None,
            **({"gold": "units"} if self._weighs_texts(context) else {}),
            **({"tails": "shared"} if self._shares_tails(context) else {}),
            **(
                {"column": digest_of_strings(part for one in column.items() for part in map(str, one))}
                if column
                else {}
            ),
        }

    def _shares_tails(self, context: Context) -> bool:
        """Whether what teachers leave out may have no place of its own: several may together name all outcomes, and of a task of the user's
        own heads may have more and fewer."""
        if SOURCE in trained_settings(context.task):
            return True
        top_k, parts = context.recipe.signals.top_k, [part for parts in self.collections.values() for part in parts]
        splits = [part.data for part in parts if isinstance(part.data, Split)]
        if self.ensemble is None or self.ensemble.mixing != "arithmetic" or context.task.writes or not splits:
            return False
        sizes = context.task.head_sizes(splits[0].examples[:1])
        return len(sizes) > 0 and top_k < int(sizes.max()) <= top_k * len(self.collections)

    def _weighs_texts(self, context: Context) -> bool:
        """Whether teachers weigh by how likely they find texts."""
        return context.task.writes and self.ensemble is not None and self.ensemble.needs_labels

    def to_stream(self, context: Context) -> list[Collection]:
        """Collections that are not complete, with those that are proposals to their teachers, where the run streams."""
        if context.stream is None:
            return []
        wanted = [found for parts in self.collections.values() for found in parts]
        every = {one.stage.digest: one for found in wanted for one in (*found.proposals, found)}
        return [found for found in every.values() if not found.stage.is_done(context.store)]

    @contextmanager
    def open(self, context: Context) -> Iterator[tuple[SignalSource, bool]]:
        """The source, and whether all of it can be read now (eager). What is streamed is complete when the context ends."""
        streamed = self.to_stream(context)
        if not streamed:
            yield self.source(context, {}), True
            return
        assert context.stream is not None
        with context.stream([found.teacher_pass for found in streamed]) as streams:
            yield self.source(context, streams), False

    def source(
        self, context: Context, streams: Mapping[str, TeacherSignals], ignore_labels: bool = False
    ) -> SignalSource:
        """The source over streams, by folder, and over what is stored. ignore_labels: they may not decide about weights."""
        teachers = self.teachers(context, streams)
        temperatures = {name: self.temperature(context, name) for name in teachers}
        if self.ensemble is None:
            (name,) = teachers
            return OneTeacher(teachers[name], temperatures[name])
        facts = {name: stage.facts(context.store) for name, stage in self.held_out.items()}
        points = points_of(self.ensemble.metric, context.task.metrics, facts)
        texts = {id(part.data): part.data for parts in self.collections.values() for part in parts}
        column = self._column(context, [one for one in texts.values() if isinstance(one, Written)])
        return EnsembleSource(self.ensemble, teachers, temperatures, points, context.task, ignore_labels, column)

    def _column(self, context: Context, texts: Sequence[Written]) -> dict[RowKey, str]:
        """Of the examples about which teachers are asked, texts that models write among them, the values of the column that the rule names,
        if it does. Raises DataError for one that names no teacher."""
        if not isinstance(self.ensemble, Route) or self.ensemble.column is None:
            return {}
        found = {}
        for split in context.data.values():
            for example in split.examples:
                if example.id in split.column:
                    self.ensemble.check_value(split.column[example.id], example.id, list(self.collections))
                    found[row_key(example)] = split.column[example.id]
        return found | {row_key(example): value for one in texts for example, value in one.columned()}

    def teachers(self, context: Context, streams: Mapping[str, TeacherSignals]) -> dict[str, TeacherSignals]:
        """Every teacher's signals, streamed or stored."""
        return {name: _together(context, parts, streams) for name, parts in self.collections.items()}

    def figures(self, context: Context, examples: Sequence[Example], features: Features) -> dict[str, Any]:
        """Figures on the stored signals as a student reads them: moved mass, weights, temperatures, the share of texts that is taught."""
        task, source = context.task, self.source(context, {})
        facts: dict[str, Any] = {
            "moved_mass": {
                name: task.moved_mass(examples, features, signals)
                for name, signals in self.teachers(context, {}).items()
            },
            "teacher_temperature": {name: self.temperature(context, name) for name in self.collections},
        }
        if isinstance(source, EnsembleSource):
            facts["weights"] = weight_figures(source, examples)
        share = taught_share(source, examples, task)
        if share is not None:
            facts["taught_share"] = share
        return facts

    def temperature(self, context: Context, name: str) -> float:
        """By which a teacher's own logits are divided."""
        own = context.recipe.teachers[name].temperature
        if isinstance(own, float):
            return own
        return float(self.held_out[name].facts(context.store)["temperature"])


def _together(context: Context, parts: Sequence[Collection], streams: Mapping[str, TeacherSignals]) -> TeacherSignals:
    """One teacher's signals on all splits."""
    found = [
        streams.get(str(part.teacher_pass.folder)) or SignalReader(part.stage.result(context.store)) for part in parts
    ]
    examples = [part.teacher_pass.examples for part in parts]
    return found[0] if len(found) == 1 else ConcatSignals(list(zip(examples, found, strict=True)))


@dataclass(frozen=True)
class Targets:
    """What a student with this tokenizer is taught about the questions of `split`."""

    context: Context
    supervision: Supervision
    split: Split
    features: Features
    tokenizer: "PreTrainedTokenizerFast"

    def items(self, source: SignalSource, temperatures: Sequence[float], eager: bool) -> Items:
        """The windows with gold positions and with signals at each temperature: if `eager` read now, or before, else when
        they are needed."""
        if eager:
            items = self._items(None, ())
            if isinstance(items, SignalItems):  # a task may keep signals in its own way
                columns = {temperature: self._at(source, temperature) for temperature in temperatures}
                return items.with_signals(EagerSignals(columns) if columns else None)
        return self._items(source, temperatures, eager)

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

    def _items(self, source: SignalSource | None, temperatures: Sequence[float], eager: bool = True) -> Items:
        pad_id = int(self.tokenizer.pad_token_id)
        task = self.context.task
        return task.training_items(self.split.examples, self.features, pad_id, source, temperatures, eager)

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
