"""Heads that some teachers have behind those of their task, such as of tokens, which only those with the student's tokenizer share.

Rules weigh teachers by the task's heads alone, and whatever is told of signals is told of these.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np

from distil.framework.segments import Ints, bounds, owners, taken, totals
from distil.framework.signals.algebra import Signals

_Example = TypeVar("_Example")
_Asked = TypeVar("_Asked", contravariant=True)


class TaskHeads(Protocol[_Asked]):
    """What is asked of a task about the heads of its signals."""

    def head_bytes(self, examples: Sequence[_Asked]) -> Ints | None:
        """How many bytes of its example each of the task's own heads is about; None where it is about the example as a whole. [H]"""

    def weighed_as(self, examples: Sequence[_Asked], signals: Signals) -> Ints | None:
        """Of signals that have heads behind the task's own: for each head the number, within its example, of that whose weights it takes;
        of one of the task's its own number. None without such heads. [H]"""


def even(signals: Sequence[Signals]) -> list[Signals]:
    """Signals about the same examples with as many heads each: of those that only others have, a teacher says nothing."""
    counts = np.stack([np.diff(one.heads) for one in signals])
    most = counts.max(0)
    return [one if (count == most).all() else _filled_up(one, most) for one, count in zip(signals, counts, strict=True)]


def _filled_up(signals: Signals, counts: Ints) -> Signals:
    """With empty heads behind each example's, which then are so many. counts: [E]"""
    heads = bounds(counts)
    there = np.arange(signals.heads[-1]) + np.repeat(heads[:-1] - signals.heads[:-1], np.diff(signals.heads))
    sizes = np.zeros(int(heads[-1]), np.int64)
    tail, tail_size = np.full(len(sizes), -np.inf, np.float32), np.zeros(len(sizes), np.int32)
    sizes[there], tail[there], tail_size[there] = np.diff(signals.rows), signals.tail, signals.tail_size
    return Signals(heads, bounds(sizes), signals.keys, signals.log_p, tail, tail_size)


def weighed_as(task: TaskHeads[_Example], examples: Sequence[_Example], signals: Signals) -> Ints | None:
    """For every head the one whose weights it takes, among all of them; None where each has its own. [H]"""
    found = task.weighed_as(examples, signals)
    return None if found is None else found + signals.heads[:-1][owners(signals.heads)]


def of_task(task: TaskHeads[_Example], examples: Sequence[_Example], signals: Signals) -> Signals:
    """The task's heads alone."""
    alike = weighed_as(task, examples, signals)
    return signals if alike is None else own_heads(signals, alike)


def own_heads(signals: Signals, alike: Ints) -> Signals:
    """Those that have weights of their own. alike: see weighed_as."""
    own = alike == np.arange(len(alike))
    entries, rows = taken(signals.rows, np.flatnonzero(own))
    heads = bounds(totals(own, signals.heads))
    return Signals(
        heads, rows, signals.keys[entries], signals.log_p[entries], signals.tail[own], signals.tail_size[own]
    )
