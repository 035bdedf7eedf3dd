"""Signals of one teacher about several splits as one."""

from collections.abc import Sequence

from framework.data.example import Example
from framework.errors import StoreError
from framework.signals.shards import row_key
from framework.signals.source import TeacherSignals
from framework.signals.span import SpanSignal


class JoinedSignals:
    """See TeacherSignals. Of parts that know the same question the first is asked."""

    def __init__(self, parts: Sequence[tuple[Sequence[Example], TeacherSignals]]) -> None:
        self._parts = [signals for _, signals in parts]
        self._part_of: dict[tuple[int, int], int] = {}
        for number, (examples, _) in enumerate(parts):
            for example in examples:
                self._part_of.setdefault(row_key(example), number)

    def announce(self, batches: Sequence[Sequence[Example]]) -> None:
        """See TeacherSignals."""
        for number, signals in enumerate(self._parts):
            signals.announce([[one for one in batch if self._part_of[row_key(one)] == number] for batch in batches])

    def signal(self, example: Example) -> SpanSignal:
        """See TeacherSignals."""
        number = self._part_of.get(row_key(example))
        if number is None:
            raise StoreError(f"no teacher was asked about question '{example.id}'")
        return self._parts[number].signal(example)
