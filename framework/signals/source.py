"""Where a student's signals come from: one teacher's, or those of an ensemble."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from framework.data.example import Example
from framework.signals.span import SpanSignal, temper


class TeacherSignals(Protocol):
    """The signals of one teacher: a store, or a stream that fills one."""

    def announce(self, batches: Sequence[Sequence[Example]]) -> None:
        """Say what will be asked for next, in this order, so that a stream can run ahead."""

    def signal(self, example: Example) -> SpanSignal:
        """The signal about `example`, at temperature 1. Raises StoreError if there is none."""


class SignalSource(Protocol):
    """What a student is taught by."""

    def announce(self, batches: Sequence[Sequence[Example]]) -> None:
        """Say what will be asked for next, in this order, so that a stream can run ahead."""

    def signals(self, example: Example, temperature: float) -> Sequence[SpanSignal]:
        """What to teach about `example` at this temperature: one signal, or alternatives of which a batch takes one.

        The masses of each sum to 1. Raises StoreError if there is none.
        """


@dataclass(frozen=True)
class OneTeacher:
    """The source that is a single teacher; `own` is the temperature that belongs to the teacher itself."""

    teacher: TeacherSignals
    own: float = 1.0

    def announce(self, batches: Sequence[Sequence[Example]]) -> None:
        """See SignalSource."""
        self.teacher.announce(batches)

    def signals(self, example: Example, temperature: float) -> Sequence[SpanSignal]:
        """See SignalSource."""
        return [temper(self.teacher.signal(example), self.own * temperature)]
