"""The mathematics of a teacher's opinion about a question: probability on characters of the context.

A signal knows neither tokens nor windows nor models. Any teacher can write it, any student can read it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Side:
    """Where an answer starts, or where it ends: natural logarithms of probabilities at temperature 1.

    chars: int64 [M], characters of the context, one entry a token of the teacher (several tokens may share one);
    log_mass: [M], their log-probabilities; null: log-probability of "no answer here";
    tail: log of the mass of all entries that were left out; tail_size: how many they are.
    Together the masses sum to 1.
    """

    chars: NDArray[np.int64]
    log_mass: Floats
    null: float
    tail: float = -np.inf
    tail_size: int = 0


@dataclass(frozen=True)
class SpanSignal:
    """A teacher's opinion about one question."""

    start: Side
    end: Side


@dataclass(frozen=True)
class TeacherWindow:
    """What a teacher says in one window, for the C tokens of its support.

    spans: int [C, 2], characters [a, b) of each token; best: bool [C], whether this window speaks for the token;
    start, end: [C], logits; null_start, null_end: logits of "no answer here".
    """

    spans: NDArray[np.int32]
    best: NDArray[np.bool_]
    start: Floats
    end: Floats
    null_start: float
    null_end: float


def write_signal(windows: Sequence[TeacherWindow]) -> SpanSignal:
    """Join the windows of one example.

    In each window the logits of its support and of "no answer here" become probabilities. A token takes its value from
    the window that shows it best, "no answer here" takes the least of its values, and the whole is scaled to 1. Start
    mass lies on a token's first character and end mass on its last.
    """
    chars = np.concatenate([window.spans[window.best] for window in windows]).astype(np.int64)
    start = [log_softmax(np.append(window.start.astype(np.float64), window.null_start)) for window in windows]
    end = [log_softmax(np.append(window.end.astype(np.float64), window.null_end)) for window in windows]
    bests = [window.best for window in windows]
    return SpanSignal(_side(chars[:, 0], start, bests), _side(chars[:, 1] - 1, end, bests))


def _side(chars: NDArray[np.int64], windows: Sequence[Floats], best: Sequence[NDArray[np.bool_]]) -> Side:
    tokens = np.concatenate([values[:-1][chosen] for values, chosen in zip(windows, best, strict=True)])
    null = min(values[-1] for values in windows)
    scaled = log_softmax(np.append(tokens, null))
    return Side(chars, scaled[:-1], float(scaled[-1]))


def log_softmax(values: Floats) -> Floats:
    """Logarithm of the softmax over the last axis; -inf stays -inf."""
    peak = values.max(-1, keepdims=True)
    shifted: Floats = values - np.where(np.isfinite(peak), peak, 0.0)
    with np.errstate(divide="ignore"):
        result: Floats = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return result


def keep_top(side: Side, count: int) -> Side:
    """Keep the `count` heaviest entries (of equal ones the first); the others join the tail."""
    if len(side.chars) <= count:
        return side
    order = np.argsort(-side.log_mass, kind="stable")
    kept, left = order[:count], side.log_mass[order[count:]]
    mass = np.exp(side.tail) + np.exp(left).sum()
    with np.errstate(divide="ignore"):
        tail = float(np.log(mass))
    return Side(side.chars[kept], side.log_mass[kept], side.null, tail, side.tail_size + len(left))


def temper(signal: SpanSignal, temperature: float) -> SpanSignal:
    """The signal at temperature T.

    softmax(z / T) equals softmax(log p / T), so a temperature can be chosen long after the signal was stored. The tail
    is taken as tail_size equal parts: m parts of r / m weigh m^(1 - 1/T) · r^(1/T) before scaling.
    """
    return SpanSignal(temper_side(signal.start, temperature), temper_side(signal.end, temperature))


def temper_side(side: Side, temperature: float) -> Side:
    """One side of `temper`. Its masses sum to 1, even if half precision has left those of `side` a little off."""
    tail = side.tail / temperature
    if side.tail_size:
        tail += (1 - 1 / temperature) * np.log(side.tail_size)
    scaled = log_softmax(np.concatenate([side.log_mass / temperature, [side.null / temperature, tail]]))
    return Side(side.chars, scaled[:-2], float(scaled[-2]), float(scaled[-1]), side.tail_size)


def probabilities(side: Side) -> tuple[Floats, float, float]:
    """Probabilities of the entries [M], of "no answer here", and of the whole tail."""
    return np.exp(side.log_mass), float(np.exp(side.null)), float(np.exp(side.tail))
