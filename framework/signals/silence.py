"""Examples, or heads of them, about which a teacher says nothing: these have no mass at all, neither entries nor a tail.

They are stored like others, so that nobody is asked again. Nobody learns from them: an ensemble mixes the other teachers' signals,
and a loss that reads signals costs nothing there.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from distil.framework.segments import Ints, bounds, spread, totals
from distil.framework.signals.algebra import Signals


def silenced(signals: Signals, which: NDArray[np.bool_]) -> Signals:
    """The signals without what they say of some examples. which: [E]"""
    if not which.any():
        return signals
    of_heads = spread(which, signals.heads)
    kept = ~spread(of_heads, signals.rows)
    return Signals(
        signals.heads,
        bounds(totals(kept, signals.rows)),
        signals.keys[kept],
        signals.log_p[kept],
        np.where(of_heads, np.float32(-np.inf), signals.tail),
        np.where(of_heads, np.int32(0), signals.tail_size),
    )


def silent(signals: Signals) -> NDArray[np.bool_]:
    """About which examples the signals say nothing, in none of their heads; one without heads says all there is. [E]"""
    nothing: NDArray[np.bool_] = (np.diff(signals.heads) > 0) & (totals(signals.said, signals.heads) == 0)
    return nothing


def evened(signals: Signals, sizes: Ints) -> Signals:
    """The signals, with all outcomes alike in examples of which they say nothing. sizes: outcomes of each head, [H]"""
    of_heads = spread(silent(signals), signals.heads)
    if not of_heads.any():
        return signals
    return replace(
        signals,
        tail=np.where(of_heads, np.float32(0), signals.tail),
        tail_size=np.where(of_heads, sizes, signals.tail_size).astype(np.int32),
    )
