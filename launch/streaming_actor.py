"""Both sides of a stream: an actor that asks a teacher and stores what it says, and the signals of a teacher that runs ahead in it."""

import os
from collections import deque
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from distil.framework.data.example import Example
from distil.framework.errors import DistilError, TrainingError, first_line
from distil.framework.files import make_folder
from distil.framework.signals.algebra import Signals
from distil.framework.signals.collect import SignalWriter
from distil.framework.signals.shards import Key, Keyed, SignalReader, row_key
from distil.framework.signals.teacher_pass import Ask, TeacherPass
from distil.framework.store import Store
from distil.framework.teachers.base import Actor
from distil.launch.remote import Pickled, StoreLocation, unpack

_Batch = dict[Key, Example]


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

        from distil.launch.quiet import be_quiet, quiet_transformers

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


class StreamedSignals:
    """See TeacherSignals. It can be sent to other processes, each of which then prefetches batches of its own.

    At most `ahead` batches are asked for beyond the one in use. Signals of batches before it are let go: who wants them
    again gets them from the actor, which has them on disk.
    """

    def __init__(self, name: str, actor: Any, proposals: Sequence[Any | None], ahead: int) -> None:
        """name: the teacher's; actor: its StreamingTeacher; proposals: those that it is shown, None where their signals are
        on disk."""
        self._name, self._actor, self._proposals, self._ahead = name, actor, tuple(proposals), ahead
        self._coming: deque[_Batch] = deque()
        self._asked: deque[tuple[_Batch, Any]] = deque()
        self._at_hand = Keyed()

    def prefetch(self, batches: Sequence[Sequence[Example]]) -> None:
        """See TeacherSignals. What was said before is forgotten."""
        self._coming = deque({row_key(example): example for example in batch} for batch in batches if batch)
        self._asked.clear()
        self._run_ahead()

    def signals(self, examples: Sequence[Example]) -> Signals:
        """See TeacherSignals. Waits for the batches that hold the examples; those that were not prefetched are asked for now.

        Raises what the teacher raised.
        """
        wanted = {row_key(example): example for example in examples}
        found = Keyed()
        while missing := [key for key in wanted if key not in found.places]:
            here = [key for key in missing if key in self._at_hand.places]
            if here:
                found.add(here, self._at_hand.signals(here))
            elif coming := next((key for key in missing if self._is_coming(key)), None):
                self._at_hand = self._next_with(coming)
            else:
                found.add(missing, fetched(self._request([wanted[key] for key in missing]), self._name))
        return found.signals([row_key(example) for example in examples])

    def _is_coming(self, key: Key) -> bool:
        return any(key in batch for batch, _ in self._asked) or any(key in batch for batch in self._coming)

    def _next_with(self, key: Key) -> Keyed:
        """The first prefetched batch with this example. Those before it have been passed over."""
        while True:
            batch, answer = self._asked.popleft()
            self._run_ahead()
            if key in batch:
                found = Keyed()
                found.add(list(batch), fetched(answer, self._name))
                return found

    def _run_ahead(self) -> None:
        while self._coming and len(self._asked) < self._ahead:
            batch = self._coming.popleft()
            self._asked.append((batch, self._request(list(batch.values()))))

    def _request(self, examples: list[Example]) -> Any:
        # Ray hands the proposals on to the teacher once they are there; nobody waits here.
        shown = [None if other is None else other.signals.remote(examples) for other in self._proposals]
        return self._actor.signals.remote(examples, *shown)


def fetched(answer: Any, name: str) -> Any:
    """What the actor of teacher `name` has answered. Raises what distil raised there, or TrainingError."""
    import ray
    from ray.exceptions import RayError, RayTaskError

    try:
        return ray.get(answer)
    except RayError as error:
        cause: BaseException = error
        while isinstance(cause, RayTaskError) and cause.cause is not None:
            cause = cause.cause
        if isinstance(cause, DistilError):
            raise cause from None
        raise TrainingError(
            f"teacher '{name}' failed in its Ray actor ({type(cause).__name__}: {first_line(cause)}); what is done is kept: "
            "run the same command again to go on, out of memory with fewer signals.batch_tokens"
        ) from None
