"""What teachers think of a batch of texts, at the boundaries and tokens that the student has."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from distil.framework.segments import Ints, owners, taken
from distil.framework.signals.algebra import Signals
from distil.framework.tasks.text.probabilities import Places
from distil.framework.tasks.text.signal import heads_of, token_heads
from distil.framework.tasks.text.token_bytes import OUTCOMES

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Named:
    """Probabilities in R heads, at most K of which are named in each. keys: int64 [R, K], different outcomes, and -1 of none; mass: float32 [R, K],
    0 where there is none; rest: float32 [R], of each outcome that is not named, or of all of them together."""

    keys: "Tensor"
    mass: "Tensor"
    rest: "Tensor"

    def dense(self, outcomes: int) -> "Tensor":
        """Of each outcome, where `rest` is that of each. float32 [R, outcomes]"""
        import torch

        # What is not there is a column of its own, which is cut off.
        columns = torch.where(self.keys < 0, outcomes, self.keys)
        found = self.rest[:, None].expand(-1, outcomes + 1).contiguous()
        return found.scatter_(1, columns, self.mass)[:, :outcomes]


@dataclass(frozen=True)
class Taught:
    """What teachers think at the R boundaries and M tokens of a student: of first bytes, of another unit and the one that stands there, and
    of next tokens, the others of which are one; None if no teacher was asked about these. All 0 where they say nothing, or the student
    does not end the unit where they do."""

    first_bytes: Named
    units: Named
    tokens: Named | None


def taught(signals: Signals, places: Places, vocabulary: int) -> Taught:
    """signals: about the rows of the batch whose places these are; vocabulary: tokens of the student's."""
    byte_head, unit_head = heads_of(places, signals.heads)
    more = (np.diff(signals.heads) > 2 * places.count.numpy()).any()
    return Taught(
        _named(signals, byte_head, places.shows.numpy(), OUTCOMES),
        _named(signals, unit_head, places.whole.numpy(), 2),
        _ended(_named(signals, token_heads(places, signals.heads), None, None), places, vocabulary) if more else None,
    )


def _ended(tokens: Named, places: Places, vocabulary: int) -> Named:
    """With the token by which the student ends a text in the place of whatever its teachers end it by. Where they name that one, too, as it
    ends nothing to them, it is one outcome with their end."""
    import torch

    own = places.end[places.item][:, None]
    ends, same = tokens.keys == vocabulary, tokens.keys == own
    twice = same & ends.any(1, keepdim=True)
    mass = torch.where(ends, tokens.mass + (tokens.mass * same).sum(1, keepdim=True), tokens.mass)
    keys = torch.where(twice, -1, torch.where(ends, own, tokens.keys))
    return replace(tokens, keys=keys, mass=mass.masked_fill(twice, 0.0))


def _named(signals: Signals, heads: Ints, shown: NDArray[np.bool_] | None, outcomes: int | None) -> Named:
    """shown: which of the heads count, None: all; outcomes: by how many, less those that are named, a tail is shared out, None: by none."""
    import torch

    entries, rows = taken(signals.rows, heads)
    sizes, owner = np.diff(rows), owners(rows)
    place = np.arange(len(entries)) - rows[:-1][owner]
    shape = (len(heads), max(int(sizes.max(initial=0)), 1))
    keys, mass = np.full(shape, -1, np.int64), np.zeros(shape, np.float32)
    keys[owner, place] = signals.keys[entries]
    mass[owner, place] = np.exp(signals.log_p[entries].astype(np.float64))
    rest = np.exp(signals.tail[heads].astype(np.float64))
    if outcomes is not None:
        rest /= np.maximum(outcomes - sizes, 1)
    if shown is not None:
        mass, rest = np.where(shown[:, None], mass, np.float32(0)), np.where(shown, rest, 0.0)
    return Named(torch.from_numpy(keys), torch.from_numpy(mass), torch.from_numpy(rest.astype(np.float32)))
