"""The teacher's side of a stream: an actor that asks a teacher and stores what it says."""

import os
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from framework.signals.collect import SignalWriter
from framework.signals.shards import SignalReader
from framework.signals.span import SpanSignal
from framework.signals.teacher_pass import Ask, TeacherPass
from framework.teachers.section import Actor


class StreamingTeacher:
    """Runs in a Ray actor, alone in the pass's folder. Examples go by their numbers in the pass.

    If its process is lost, Ray starts it again: it goes on from the folder, and asks once more about what was not on
    disk yet. Whatever can fail is left to the first call, whose error reaches the caller as it is.
    """

    def __init__(self, takes: Actor, given: Sequence[Any]) -> None:
        """takes: what the actor may use; given: one reference to the TeacherPass."""
        if not takes.gpus:
            os.environ["CUDA_VISIBLE_DEVICES"] = ""  # Ray leaves all GPUs in sight of an actor that asked for none
        import ray
        import torch

        from launch.quiet import be_quiet, quiet_transformers

        be_quiet()
        quiet_transformers()
        torch.set_num_threads(max(1, int(takes.cpus)))
        self._pass: TeacherPass = ray.get(given[0])
        self._hints: dict[int, SignalReader] = {}

    def signals(self, numbers: Sequence[int], *hints: Sequence[SpanSignal] | None) -> list[SpanSignal]:
        """The signals about some examples, as they are stored; see `ask`."""
        self.ask(numbers, *hints)
        return [self._writer.signal(self._pass.examples[number]) for number in numbers]

    def ask(self, numbers: Sequence[int], *hints: Sequence[SpanSignal] | None) -> None:
        """Ask the teacher about those examples about which it has not been asked yet, and store what it says.

        hints: for every pass that the teacher is shown, its signals about these examples; None where its folder has them.
        """
        examples = [self._pass.examples[number] for number in numbers]
        new = [place for place, example in enumerate(examples) if example not in self._writer]
        if not new:
            return
        part = [examples[place] for place in new]
        shown = [
            [self._hint(which).signal(example) for example in part]
            if given is None
            else [given[place] for place in new]
            for which, given in enumerate(hints)
        ]
        self._writer.add(part, self._teacher(part, shown))

    def flush(self) -> list[int]:
        """Write what is waiting; returns the examples about which nothing is on disk."""
        self._writer.flush()
        return [number for number, example in enumerate(self._pass.examples) if example not in self._writer]

    def load(self) -> None:
        """Load the teacher if there is anything left to ask, so that the first call waits less."""
        if self.flush():
            _ = self._teacher

    def _hint(self, which: int) -> SignalReader:
        if which not in self._hints:
            self._hints[which] = SignalReader(self._pass.hints[which])
        return self._hints[which]

    @cached_property
    def _writer(self) -> SignalWriter:
        return SignalWriter(self._pass.folder, self._pass.settings)

    @cached_property
    def _teacher(self) -> Ask:
        return self._pass.open()
