"""Signals for tests of ensembles: drawn at random, or from random logits over a real tokenizer's tokens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from framework.data.windows import Windows, cut_windows
from framework.data.windows_section import WindowSettings
from framework.ensembles.source import EnsembleSource
from framework.signals.span import Floats, Side, SpanSignal, keep_top, log_softmax, write_signal
from framework.tasks.span_outputs import teacher_windows
from framework.tasks.span_qa.example import Answer, QAExample
from tests.tokenizing import tokenizer

CONTEXT = "Пётр родился в Воткинске."
LENGTH = len(CONTEXT)
EXAMPLE = QAExample("1", CONTEXT, "Где?", (Answer("Воткинске", CONTEXT.index("Воткинске")),))
F1 = {"a": 80.0, "b": 81.0, "c": 70.0}
TEMPERATURES = st.sampled_from([0.5, 1.0, 2.0, 4.0])


def side_of(values: Floats, chars: Sequence[int] | None = None) -> Side:
    """A side with a logit for each of `chars` (by default 0, 1, ...) and, last, for null."""
    logs = log_softmax(np.asarray(values, np.float64))
    return Side(np.asarray(np.arange(len(logs) - 1) if chars is None else chars, np.int64), logs[:-1], float(logs[-1]))


@st.composite
def sides(draw: Any) -> Side:
    """Some characters, some of them twice, some impossible, with a tail or without."""
    chars = draw(st.lists(st.integers(0, LENGTH - 1), max_size=12))
    logit = st.one_of(st.floats(-30, 30), st.just(-np.inf))
    values = draw(st.lists(logit, min_size=len(chars) + 1, max_size=len(chars) + 1).filter(lambda v: max(v) > -np.inf))
    return keep_top(side_of(np.asarray(values), chars), draw(st.integers(1, 12)))


signals = st.builds(SpanSignal, sides(), sides())


def vector(side: Side) -> Floats:
    """Masses of every character, of null and of the tail. [LENGTH + 2]"""
    mass = np.bincount(side.chars, np.exp(side.log_mass), LENGTH)
    return np.append(mass, np.exp([side.null, side.tail]))


def vectors(signal: SpanSignal) -> Floats:
    """Those of start and end. [2, LENGTH + 2]"""
    return np.stack([vector(signal.start), vector(signal.end)])


@dataclass(frozen=True)
class Fixed:
    """A teacher that says the same about every question."""

    said: SpanSignal

    def announce(self, batches: Sequence[Sequence[QAExample]]) -> None: ...

    def signal(self, example: QAExample) -> SpanSignal:
        return self.said


def source_of(ensemble: Any, said: Mapping[str, SpanSignal], **settings: Any) -> EnsembleSource:
    """The source of teachers that say what is `said`, each at temperature 1 unless `temperatures` are given."""
    settings = {"temperatures": dict.fromkeys(said, 1.0), "f1": F1, **settings}
    return EnsembleSource(ensemble, {name: Fixed(signal) for name, signal in said.items()}, **settings)


def cut(context: str, kind: str, windows: WindowSettings) -> Windows:
    """The windows of a question about `context`."""
    return cut_windows([QAExample("1", context, "Где ёж?", None)], tokenizer(kind), windows)


def random_logits(windows: Windows, seed: int) -> list[Any]:
    """Logits [2, tokens] of every window."""
    random = np.random.default_rng(seed)
    return [(random.normal(size=(2, length)) * 3).astype(np.float32) for length in windows.lengths]


def signal_of_tokens(windows: Windows, logits: list[Any]) -> SpanSignal:
    """The signal of a teacher with these logits about the only question of `windows`."""
    (parts,) = teacher_windows(1, windows, logits)
    return write_signal(parts)
