from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from distil.framework.data.features import WindowSettings
from distil.framework.ensembles.rules import Confidence
from distil.framework.ensembles.source import EnsembleSource
from distil.framework.predictors.ensemble import EnsemblePredictor
from distil.framework.progress import SILENT, Progress
from distil.framework.signals.algebra import NULL, Signals
from distil.framework.signals.shards import as_stored
from distil.framework.tasks.base import InferenceConfig
from distil.framework.tasks.span_qa.data import QAExample
from distil.framework.tasks.span_qa.task import ExtractiveQA
from tests.framework.signals.made_up import assert_same, of_masses

INFERENCE = InferenceConfig(ExtractiveQA(), WindowSettings(), 32, "fp32")
EXAMPLES = [QAExample(str(number), "Anna lives in Tver", "Where?", None) for number in range(3)]
TEMPERATURES = {"writer": 2.0, "one": 1.0, "other": 0.5}
TOP_K = 3


@dataclass
class Opinionated:
    """A Predictor that spreads its opinion at random, and remembers what it was shown."""

    seed: int
    parameters: int = 7
    shown: list[Signals] = field(default_factory=list)

    def predict(
        self, examples: Sequence[QAExample], progress: Progress = SILENT, title: str = "predict"
    ) -> dict[str, Any]:
        raise AssertionError("an ensemble asks for signals")

    def signals(self, examples: Sequence[QAExample], proposals: Sequence[Signals] = ()) -> Signals:
        self.shown = list(proposals)
        draws = np.random.default_rng(self.seed).dirichlet(np.ones(7), 2 * len(examples))
        return of_masses(*(dict(zip([*range(0, 18, 3), NULL], row.tolist(), strict=True)) for row in draws))


@pytest.fixture
def teachers() -> dict[str, Opinionated]:
    return {name: Opinionated(seed) for seed, name in enumerate(TEMPERATURES)}


@pytest.fixture
def predictor(teachers: dict[str, Opinionated]) -> EnsemblePredictor:
    return EnsemblePredictor(Confidence(), teachers, frozenset({"writer"}), TEMPERATURES, {}, TOP_K, INFERENCE)


class Stored:
    """The signals as a run stores them."""

    def __init__(self, teacher: Opinionated) -> None:
        self._stored = as_stored(teacher.signals(EXAMPLES), TOP_K)

    def prefetch(self, batches: Sequence[Sequence[QAExample]]) -> None:
        """Everything is there."""

    def signals(self, examples: Sequence[QAExample]) -> Signals:
        return self._stored


def test_signals_are_those_that_a_run_would_mix(predictor: EnsemblePredictor, teachers: dict[str, Opinionated]) -> None:
    stored = {name: Stored(teacher) for name, teacher in teachers.items()}
    source = EnsembleSource(Confidence(), stored, TEMPERATURES, {}, INFERENCE.task, ignore_labels=True)
    (expected,) = source.signals(EXAMPLES, [1.0])[1.0]
    assert_same(predictor.signals(EXAMPLES), expected)


def test_who_is_shown_the_others_signals_sees_them_as_stored(
    predictor: EnsemblePredictor, teachers: dict[str, Opinionated]
) -> None:
    predictor.signals(EXAMPLES)
    shown = teachers["writer"].shown
    assert [len(of_teacher) for of_teacher in shown] == [3, 3]
    assert all((np.diff(of_teacher.rows) == TOP_K + 1).all() for of_teacher in shown)
    assert teachers["one"].shown == teachers["other"].shown == []


def test_predictions_follow_from_the_signals(predictor: EnsemblePredictor) -> None:
    expected = INFERENCE.task.predict_from_signals(EXAMPLES, predictor.signals(EXAMPLES))
    assert predictor.predict(EXAMPLES) == expected
    assert predictor.parameters == 21
