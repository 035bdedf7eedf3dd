"""Where a student's signals come from: one teacher's, or those of an ensemble."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from distil.framework.data.example import Example
from distil.framework.signals.algebra import Signals, temper
from distil.framework.signals.further import TaskHeads, of_task

_CHUNK = 1024  # examples whose signals are worked on together: enough to be quick, few enough for a processor's cache
_Item = TypeVar("_Item")


class TeacherSignals(Protocol):
    """The signals of one teacher: a store, or a stream that fills one."""

    def prefetch(self, batches: Sequence[Sequence[Example]]) -> None:
        """Say what will be asked for next, in this order, so that a stream can run ahead."""

    def signals(self, examples: Sequence[Example]) -> Signals:
        """The signals about some examples, at temperature 1. Raises StoreError if there is none about one."""


class SignalSource(Protocol):
    """What a student is taught by."""

    def prefetch(self, batches: Sequence[Sequence[Example]]) -> None:
        """Say what will be asked for next, in this order, so that a stream can run ahead."""

    def signals(self, examples: Sequence[Example], temperatures: Sequence[float]) -> Mapping[float, Sequence[Signals]]:
        """What to teach about some examples at each temperature: one signal, or alternatives of which a batch takes one.

        The masses of each sum to 1. Raises StoreError if there is none about an example.
        """


@dataclass(frozen=True)
class OneTeacher:
    """The source that is a single teacher; `own` is the temperature that belongs to the teacher itself."""

    teacher: TeacherSignals
    own: float = 1.0

    def prefetch(self, batches: Sequence[Sequence[Example]]) -> None:
        """See SignalSource."""
        self.teacher.prefetch(batches)

    def signals(self, examples: Sequence[Example], temperatures: Sequence[float]) -> Mapping[float, Sequence[Signals]]:
        """See SignalSource."""
        found = self.teacher.signals(examples)
        return {temperature: [temper(found, self.own * temperature)] for temperature in temperatures}


def taught_share(source: SignalSource, examples: Sequence[Example], task: TaskHeads[Example]) -> float | None:
    """The share of the examples' bytes that lie in heads of which a source says anything; None where there are no such heads."""
    taught = of_all = 0
    for part in in_chunks(examples):
        sizes = task.head_bytes(part)
        if sizes is None:
            return None
        taught += int(sizes[of_task(task, part, source.signals(part, [1.0])[1.0][0]).said].sum())
        of_all += int(sizes.sum())
    return taught / max(of_all, 1)


def in_chunks(items: Sequence[_Item], size: int = _CHUNK) -> Iterator[Sequence[_Item]]:
    """The items in parts that can be worked on together."""
    return (items[begin : begin + size] for begin in range(0, len(items), size))
