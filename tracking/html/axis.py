"""The axes of plots: numbers, on a linear or logarithmic scale, or names."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_PADDING = 0.06  # of the values' range, at either end
_TICKS = 7  # at most


@dataclass(frozen=True)
class Axis:
    """An axis from `low` to `high`, with `ticks` as values and what is written at them."""

    label: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    log: bool = False

    def share(self, value: float) -> float:
        """How far along the axis a value lies, from 0 to 1."""
        low, high, place = (math.log(one) if self.log else one for one in (self.low, self.high, value))
        return (place - low) / (high - low)


def number_axis(
    label: str,
    values: Sequence[float],
    log: bool = False,
    show: Callable[[float], str] = "{:g}".format,
    bounds: tuple[float, float] = (-math.inf, math.inf),
    whole: bool = False,
) -> Axis:
    """An axis on which all values (at least one; above 0 on a logarithmic one) have room, not beyond `bounds`.

    whole: values between whole numbers mean nothing.
    """
    scale, back = (math.log, math.exp) if log else (float, float)
    low, high = scale(min(values)), scale(max(values))
    room = _PADDING * (high - low) or (0.5 if log or whole else 0.05 * abs(high) or 0.5)
    first, last = max(bounds[0], back(low - room)), min(bounds[1], back(high + room))
    ticks = _ticks(first, last, log, whole)
    texts = [show(tick) for tick in ticks]
    if len(set(texts)) < len(texts):  # rounded to the same
        texts = [f"{tick:,.6g}" for tick in ticks]
    return Axis(label, first, last, tuple(zip(ticks, texts, strict=True)), log)


def name_axis(label: str, names: Sequence[str]) -> Axis:
    """An axis of names, of which the first lies at 0, the second at 1."""
    return Axis(label, -0.5, len(names) - 0.5, tuple((number, name) for number, name in enumerate(names)))


def _ticks(low: float, high: float, log: bool, whole: bool) -> list[float]:
    from matplotlib.ticker import LogLocator, MaxNLocator

    linear = MaxNLocator(nbins=_TICKS - 1, steps=[1, 2, 2.5, 5, 10], integer=whole, min_n_ticks=1)
    # A narrow range has no power of ten; its ticks are then those of a linear scale.
    tried = [LogLocator(subs=subs) for subs in ((1, 2, 5), (1,))] if log else []
    for locator in (*tried, linear):
        inside = [float(tick) for tick in locator.tick_values(low, high) if low <= tick <= high]
        found = [tick for tick in inside if not whole or tick.is_integer()]
        if 2 <= len(found) <= _TICKS:
            break
    return found
