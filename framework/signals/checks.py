"""What is wrong with signals that come from code of the user's own."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from distil.framework.data.example import Example
from distil.framework.errors import UserError
from distil.framework.language.words import count_of
from distil.framework.segments import Ints, owners, spread, totals
from distil.framework.signals.algebra import NULL, Signals
from distil.framework.tasks.defaults import TaskSection

_OFF = 0.01  # by how much masses may miss 1: those that are kept in half precision do


class _Sized(Protocol):
    @property
    def writes(self) -> bool:
        """See Task."""

    def head_sizes(self, examples: Sequence[Example]) -> Ints:
        """See Task."""


def check_said(said: object, examples: Sequence[Example], task: _Sized) -> Signals:
    """Signals about these examples, as they were said. Raises UserError for what are none."""
    if not isinstance(said, Signals) or len(said) != len(examples):
        found = f"signals about {len(said)}" if isinstance(said, Signals) else f"{said!r:.80}"
        raise UserError(
            f"a teacher of your own says {found}, expected Signals about the {len(examples)} examples asked"
        )
    mass = totals(np.exp(said.log_p.astype(np.float64)), said.rows) + np.exp(said.tail.astype(np.float64))
    wrong = said.said & ~(np.abs(mass - 1) <= _OFF)  # what is no number is wrong, too
    if wrong.any():
        raise _refused(
            said, examples, int(wrong.argmax()), f"the sum {mass[wrong.argmax()]:.4g}, expected 1: normalise it"
        )
    # A task of the user's own need not say them.
    if getattr(type(task), "head_sizes", None) is TaskSection.head_sizes:
        return said
    sizes = task.head_sizes(examples)
    if len(sizes) != len(said.tail):
        if task.writes:  # which may have heads of next tokens besides
            return said
        raise UserError(
            f"a teacher of your own says {count_of(len(said.tail), 'head')} about {count_of(len(examples), 'example')}, expected "
            f"{len(sizes)}: docs/signals.md says which an example has"
        )
    strange = (said.keys < NULL) | (said.keys >= spread(sizes, said.rows))
    if strange.any():
        entry = int(strange.argmax())
        head = int(owners(said.rows)[entry])
        what = f"the outcome {said.keys[entry]}, expected one from 0 to {sizes[head] - 1}, or {NULL} for none of them"
        raise _refused(said, examples, head, what)
    return said


def _refused(said: Signals, examples: Sequence[Example], head: int, what: str) -> UserError:
    example = int(np.searchsorted(said.heads, head, side="right")) - 1
    return UserError(
        f"a teacher of your own says of example '{examples[example].id}', in head {head - said.heads[example]}, {what}"
    )
