"""By whom a student is taught: its source of signals, from the stages that make them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from framework.data.example import Example
from framework.data.features import Features
from framework.ensembles.base import Ensemble
from framework.ensembles.source import EnsembleSource, weight_figures
from framework.plugins import settings_of
from framework.signals.concatenated import ConcatSignals
from framework.signals.shards import SignalReader
from framework.signals.source import OneTeacher, SignalSource, TeacherSignals
from framework.stages.signals import Collection
from framework.stages.stage import Context, Stage


@dataclass(frozen=True)
class Supervision:
    """collections: of every teacher, one a split, none where no loss reads signals; held_out: of those teachers about whom something has to be known first;
    ensemble: None for a single teacher."""

    collections: Mapping[str, Sequence[Collection]]
    held_out: Mapping[str, Stage]
    ensemble: Ensemble | None

    def inputs(self, context: Context) -> dict[str, Any]:
        """What the source depends on."""
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
        }

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
        temperatures = {name: self._temperature(context, name) for name in teachers}
        if self.ensemble is None:
            (name,) = teachers
            return OneTeacher(teachers[name], temperatures[name])
        facts = {name: stage.facts(context.store) for name, stage in self.held_out.items()}
        f1 = {name: float(found["f1"]) for name, found in facts.items()} if self.ensemble.needs_f1 else {}
        return EnsembleSource(self.ensemble, teachers, temperatures, f1, context.task, ignore_labels)

    def teachers(self, context: Context, streams: Mapping[str, TeacherSignals]) -> dict[str, TeacherSignals]:
        """Every teacher's signals, streamed or stored."""
        return {name: _together(context, parts, streams) for name, parts in self.collections.items()}

    def figures(self, context: Context, examples: Sequence[Example], features: Features) -> dict[str, Any]:
        """Figures on the stored signals as a student reads them: moved mass, weights, temperatures."""
        task, source = context.task, self.source(context, {})
        facts: dict[str, Any] = {
            "moved_mass": {
                name: task.moved_mass(examples, features, signals)
                for name, signals in self.teachers(context, {}).items()
            },
            "teacher_temperature": {name: self._temperature(context, name) for name in self.collections},
        }
        if isinstance(source, EnsembleSource):
            facts["weights"] = weight_figures(source, examples)
        return facts

    def _temperature(self, context: Context, name: str) -> float:
        own = context.recipe.teachers[name].temperature
        if isinstance(own, float):
            return own
        return float(self.held_out[name].facts(context.store)["temperature"])


def _together(context: Context, parts: Sequence[Collection], streams: Mapping[str, TeacherSignals]) -> TeacherSignals:
    """One teacher's signals on all splits."""
    found = [streams.get(str(part.teacher_pass.folder)) or _stored(context, part) for part in parts]
    examples = [part.teacher_pass.examples for part in parts]
    return found[0] if len(found) == 1 else ConcatSignals(list(zip(examples, found, strict=True)))


def _stored(context: Context, found: Collection) -> SignalReader:
    return SignalReader(found.stage.result(context.store))
