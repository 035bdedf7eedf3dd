"""Signals for tests: drawn at random, spelled out row by row, and turned into plain probabilities."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from distil.framework.segments import bounds
from distil.framework.signals.algebra import NULL, Signals, keep_top, normalised

Floats = NDArray[np.float64]
Row = Sequence[tuple[int, float]]  # of entries: outcome, logarithm of its mass; need not sum to 1

OUTCOMES = 25
TEMPERATURES = st.sampled_from([0.1, 0.5, 1.0, 2.0, 4.0, 20.0])


def signals_of(*rows: Row, heads: int = 2, tail: Sequence[float] = (), tail_size: Sequence[int] = ()) -> Signals:
    """Signals with `heads` rows an example, each scaled to sum 1 with its tail (logarithms; default: none)."""
    entries = [entry for row in rows for entry in row]
    return normalised(
        np.arange(0, len(rows) + 1, heads, dtype=np.int64),
        bounds(np.asarray([len(row) for row in rows], np.int64)),
        np.asarray([key for key, _ in entries], np.int64),
        np.asarray([log for _, log in entries], np.float64),
        np.asarray(tail, np.float64) if len(tail) else np.full(len(rows), -np.inf),
        np.asarray(tail_size, np.int32) if len(tail_size) else np.zeros(len(rows), np.int32),
    )


def of_masses(
    *rows: Mapping[int, float], heads: int = 2, tail: Sequence[float] = (), tail_size: Sequence[int] = ()
) -> Signals:
    """The same from masses by outcome, NULL added where it has none, and masses of tails."""
    with np.errstate(divide="ignore"):
        logs = [[(key, float(np.log(mass))) for key, mass in ({NULL: 0.0} | dict(row)).items()] for row in rows]
        return signals_of(*logs, heads=heads, tail=np.log(tail).tolist() if len(tail) else (), tail_size=tail_size)


@st.composite
def rows(draw: Any) -> Row:
    """NULL and some outcomes, some of them twice, some impossible."""
    keys = [NULL, *draw(st.lists(st.integers(0, OUTCOMES - 1), max_size=12))]
    logit = st.one_of(st.floats(-30, 30), st.just(-np.inf))
    logs = draw(st.lists(logit, min_size=len(keys), max_size=len(keys)).filter(lambda logs: max(logs) > -np.inf))
    return list(zip(keys, logs, strict=True))


def drawn(examples: st.SearchStrategy[int] | int = 1, heads: int = 2) -> st.SearchStrategy[Signals]:
    """Signals about so many examples, with tails or without."""
    counts = examples if isinstance(examples, st.SearchStrategy) else st.just(examples)
    several = counts.flatmap(lambda count: st.lists(rows(), min_size=count * heads, max_size=count * heads))
    return st.builds(lambda rows, top: keep_top(signals_of(*rows, heads=heads), top), several, st.integers(1, 12))


def entries(signals: Signals, head: int) -> list[tuple[int, float]]:
    """Outcome and mass of each entry of a row."""
    row = slice(int(signals.rows[head]), int(signals.rows[head + 1]))
    return list(zip(signals.keys[row].tolist(), np.exp(signals.log_p[row].astype(np.float64)).tolist(), strict=True))


def masses(signals: Signals, outcomes: int = OUTCOMES) -> Floats:
    """Of each row the mass of NULL, of every outcome, and of the tail. [H, outcomes + 2]"""
    result = np.zeros((len(signals.rows) - 1, outcomes + 2))
    for head, row in enumerate(result):
        for key, mass in entries(signals, head):
            row[key + 1] += mass
        row[-1] = np.exp(float(signals.tail[head]))
    return result


def assert_same(one: Signals, other: Signals) -> None:
    """Bit for bit."""
    for name in Signals.__dataclass_fields__:
        left, right = getattr(one, name), getattr(other, name)
        assert left.dtype == right.dtype, name
        np.testing.assert_array_equal(left, right, err_msg=name)
