"""Signals of one teacher about several splits as one."""

from collections.abc import Sequence

import numpy as np

from distil.framework.data.example import Example
from distil.framework.errors import StoreError
from distil.framework.signals.algebra import Signals, from_parts
from distil.framework.signals.shards import Key, row_key
from distil.framework.signals.source import TeacherSignals


class ConcatSignals:
    """See TeacherSignals. Of parts that know the same question the first is asked."""

    def __init__(self, parts: Sequence[tuple[Sequence[Example], TeacherSignals]]) -> None:
        self._parts = [signals for _, signals in parts]
        self._part_of: dict[Key, int] = {}
        for number, (examples, _) in enumerate(parts):
            for example in examples:
                self._part_of.setdefault(row_key(example), number)

    def prefetch(self, batches: Sequence[Sequence[Example]]) -> None:
        """See TeacherSignals."""
        for number, signals in enumerate(self._parts):
            signals.prefetch([[one for one in batch if self._part_of[row_key(one)] == number] for batch in batches])

    def signals(self, examples: Sequence[Example]) -> Signals:
        """See TeacherSignals."""
        part = np.asarray([self._part_of.get(row_key(example), -1) for example in examples], np.int64)
        if (part < 0).any():
            raise StoreError(f"no teacher was asked about question '{examples[int(np.argmin(part))].id}'")
        return from_parts(part, lambda number, chosen: self._parts[number].signals([examples[one] for one in chosen]))
