"""The teacher's side of a stream: an actor that asks a teacher and stores what it says."""

import os
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from framework.data.example import Example
from framework.files import make_folder
from framework.signals.algebra import Signals
from framework.signals.collect import SignalWriter
from framework.signals.shards import SignalReader
from framework.signals.teacher_pass import Ask, TeacherPass
from framework.store import Store
from framework.teachers.section import Actor
from launch.remote import Pickled, StoreLocation, unpack


class StreamingTeacher:
    """Runs in a Ray actor, alone in the pass's folder.

    If its process is lost, Ray starts it again: it goes on from the folder, and asks once more about what was not on
    disk yet. Whatever can fail is left to the first call, whose error reaches the caller as it is.
    """

    def __init__(self, pickled: Pickled, takes: Actor, location: StoreLocation) -> None:
        """pickled: the packed TeacherPass without its examples. Ray lets go of large arguments, and could not start the
        actor again. takes: what the actor takes; location: of the store."""
        if not takes.gpus:
            os.environ["CUDA_VISIBLE_DEVICES"] = ""  # Ray leaves all GPUs in sight of an actor that asked for none
        import torch

        from launch.quiet import be_quiet, quiet_transformers

        be_quiet()
        quiet_transformers()
        torch.set_num_threads(max(1, int(takes.cpus)))
        self._pickled, self._location = pickled, location
        self._pushed: set[str] = set()
        self._readers: dict[int, SignalReader] = {}

    def signals(self, examples: Sequence[Example], *proposals: Signals | None) -> Signals:
        """The signals about some examples, as they are stored; see `ask`."""
        self.ask(examples, *proposals)
        return self._writer.signals(examples)

    def ask(self, examples: Sequence[Example], *proposals: Signals | None) -> None:
        """Ask the teacher about those examples about which it has not been asked yet, and store what it says.

        proposals: of every pass that the teacher is shown, the signals about these examples; None where its folder has them.
        """
        new = np.asarray([place for place, example in enumerate(examples) if example not in self._writer], np.int64)
        if not len(new):
            return
        part = [examples[place] for place in new]
        shown = [
            self._shown(which).signals(part) if given is None else given.take(new)
            for which, given in enumerate(proposals)
        ]
        self._writer.add(part, self._teacher(part, shown))
        self._push()

    def load(self) -> None:
        """Load the teacher, so that the first call waits less."""
        _ = self._teacher

    def flush(self) -> None:
        """Write what is waiting."""
        self._writer.flush()
        self._push()

    def _shown(self, which: int) -> SignalReader:
        if which not in self._readers:
            self._store.pull_folder(self._pass.proposals[which])  # of an actor on another machine
            self._readers[which] = SignalReader(self._pass.proposals[which])
        return self._readers[which]

    def _push(self) -> None:
        """Send shards that are new to the storage, if there is one: this actor may not come back to this machine."""
        for shard in sorted(self._pass.folder.glob("shard-*.arrow")):
            if shard.name not in self._pushed:
                self._store.push(shard)
                self._pushed.add(shard.name)

    @cached_property
    def _store(self) -> Store:
        return self._location.here()

    @cached_property
    def _pass(self) -> TeacherPass:
        unpacked: TeacherPass = unpack(self._pickled, self._store)
        return unpacked

    @cached_property
    def _writer(self) -> SignalWriter:
        make_folder(self._pass.folder)
        self._store.pull_folder(self._pass.folder)
        return SignalWriter(self._pass.folder, self._pass.settings)

    @cached_property
    def _teacher(self) -> Ask:
        return self._pass.open()
