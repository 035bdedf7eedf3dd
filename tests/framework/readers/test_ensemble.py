from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from framework.data.windows_section import WindowSettings
from framework.ensembles.confidence import Confidence
from framework.ensembles.source import EnsembleSource
from framework.progress import SILENT, Progress
from framework.readers.base import Reading
from framework.readers.ensemble import EnsembleReader
from framework.signals.shards import as_stored
from framework.signals.span import Side, SpanSignal
from framework.tasks.span_qa.example import QAExample
from framework.tasks.span_qa.task import ExtractiveQA

READING = Reading(ExtractiveQA(), WindowSettings(), 32, "fp32")
EXAMPLES = [QAExample(str(number), "Anna lives in Tver", "Where?", None) for number in range(3)]
TEMPERATURES = {"writer": 2.0, "one": 1.0, "other": 0.5}
TOP_K = 3


@dataclass
class Opinionated:
    """A Reader that spreads its opinion at random, and remembers what it was shown."""

    seed: int
    parameters: int = 7
    shown: list[Sequence[SpanSignal]] = field(default_factory=list)

    def predict(
        self, examples: Sequence[QAExample], progress: Progress = SILENT, title: str = "predict"
    ) -> dict[str, Any]:
        raise AssertionError("an ensemble asks for signals")

    def signals(self, examples: Sequence[QAExample], hints: Sequence[Sequence[SpanSignal]] = ()) -> list[SpanSignal]:
        self.shown = list(hints)
        draws = np.random.default_rng(self.seed)
        return [SpanSignal(*(self._side(draws.dirichlet(np.ones(7))) for _ in range(2))) for _ in examples]

    @staticmethod
    def _side(mass: Any) -> Side:
        return Side(np.arange(0, 18, 3), np.log(mass[:-1]), float(np.log(mass[-1])))


@pytest.fixture
def teachers() -> dict[str, Opinionated]:
    return {name: Opinionated(seed) for seed, name in enumerate(TEMPERATURES)}


@pytest.fixture
def reader(teachers: dict[str, Opinionated]) -> EnsembleReader:
    return EnsembleReader(Confidence(), teachers, frozenset({"writer"}), TEMPERATURES, {}, TOP_K, READING)


class Stored:
    """The signals as a run stores them."""

    def __init__(self, teacher: Opinionated) -> None:
        found = [as_stored(signal, TOP_K) for signal in teacher.signals(EXAMPLES)]
        self.by_id = {example.id: signal for example, signal in zip(EXAMPLES, found, strict=True)}

    def announce(self, batches: Sequence[Sequence[QAExample]]) -> None:
        """Everything is there."""

    def signal(self, example: QAExample) -> SpanSignal:
        return self.by_id[example.id]


def test_signals_are_those_that_a_run_would_mix(reader: EnsembleReader, teachers: dict[str, Opinionated]) -> None:
    stored = {name: Stored(teacher) for name, teacher in teachers.items()}
    source = EnsembleSource(Confidence(), stored, TEMPERATURES, {}, blind=True)
    for example, found in zip(EXAMPLES, reader.signals(EXAMPLES), strict=True):
        (expected,) = source.signals(example, 1.0)
        np.testing.assert_array_equal(found.start.log_mass, expected.start.log_mass)
        assert (found.end.null, found.end.tail) == (expected.end.null, expected.end.tail)


def test_who_is_shown_the_others_signals_sees_them_as_stored(
    reader: EnsembleReader, teachers: dict[str, Opinionated]
) -> None:
    reader.signals(EXAMPLES)
    shown = teachers["writer"].shown
    assert [len(of_teacher) for of_teacher in shown] == [3, 3]
    assert all(len(signal.start.chars) == TOP_K for of_teacher in shown for signal in of_teacher)
    assert teachers["one"].shown == teachers["other"].shown == []


def test_predictions_follow_from_the_signals(reader: EnsembleReader) -> None:
    expected = READING.task.predict_from_signals(EXAMPLES, reader.signals(EXAMPLES), True)
    assert reader.predict(EXAMPLES) == expected
    assert reader.parameters == 21
