"""In which order the heads of a text's signals show what stands there: boundary by boundary, each unit once it is over."""

import numpy as np

from distil.framework.ensembles.base import Unfolding
from distil.framework.segments import owners
from distil.framework.signals.algebra import Signals
from distil.framework.tasks.text.signal import YES


def unfolding_of(signals: Signals) -> Unfolding:
    """That of the signals: an example's heads of first bytes and of units, see signal.py. A first byte shows nothing that its unit does
    not."""
    owner = owners(signals.heads)
    place = np.arange(len(owner)) - signals.heads[:-1][owner]
    boundaries = (np.diff(signals.heads) // 2)[owner]
    unit = place >= boundaries
    return Unfolding(np.where(unit, place - boundaries, place), np.where(unit, YES, -1))
