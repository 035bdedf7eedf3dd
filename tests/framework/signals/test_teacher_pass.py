"""A pass of a teacher that has one model, or one a fold."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distil.framework.data.features import WindowSettings
from distil.framework.data.section import fold_of
from distil.framework.signals.algebra import Signals
from distil.framework.signals.section import SignalSettings
from distil.framework.signals.teacher_pass import Ask, TeacherPass
from distil.framework.tasks.base import InferenceConfig
from distil.framework.tasks.span_qa.data import QAExample
from distil.framework.tasks.span_qa.task import ExtractiveQA
from tests.framework.signals.made_up import signals_of

EXAMPLES = [QAExample(f"{number}", f"Абзац {number // 2}.", "Где?", None) for number in range(24)]
INFERENCE = InferenceConfig(ExtractiveQA(), WindowSettings(), 8, "fp32")


def marks(numbers: Sequence[int]) -> Signals:
    """Signals that bear a number each."""
    return signals_of(*([(number, 0.0)] for number in numbers), heads=1)


class Marking:
    """A teacher whose models sign with their own number, and with the sum of the numbers of the proposals."""

    def __init__(self) -> None:
        self.asked: dict[int, list[str]] = {}

    def predictor(self, folder: Path, inference: InferenceConfig) -> Any:
        assert inference is INFERENCE
        asked, number = self.asked.setdefault(int(folder.name), []), int(folder.name)

        class Predictor:
            def signals(self, examples: Sequence[QAExample], proposals: Sequence[Signals] = ()) -> Signals:
                asked.extend(example.id for example in examples)
                shown = sum(of_teacher.keys for of_teacher in proposals) if proposals else [0] * len(examples)
                return marks([10_000 * number + int(total) for total in shown])

        return Predictor()


def a_pass(teacher: Any, models: int) -> TeacherPass:
    folders = tuple(Path(str(number)) for number in range(models))
    return TeacherPass("t", teacher, INFERENCE, folders, EXAMPLES, Path("signals"), (), SignalSettings())


@pytest.mark.parametrize("folds", [1, 2, 5])
def test_each_question_is_asked_once_of_the_model_of_its_fold(folds: int) -> None:
    teacher = Marking()
    signals = a_pass(teacher, folds).open()(EXAMPLES, ())
    assert (signals.keys // 10_000).tolist() == [fold_of(example, folds) for example in EXAMPLES]
    assert sorted(id for ids in teacher.asked.values() for id in ids) == sorted(example.id for example in EXAMPLES)


def test_proposals_stay_with_their_questions() -> None:
    first, second = marks(range(len(EXAMPLES))), marks(range(0, 100 * len(EXAMPLES), 100))
    signals = a_pass(Marking(), 3).open()(EXAMPLES, (first, second))
    assert (signals.keys % 10_000).tolist() == [101 * number for number in range(len(EXAMPLES))]


def test_models_without_a_question_are_left_alone() -> None:
    teacher = Marking()
    fold = fold_of(EXAMPLES[0], 5)
    alike = [example for example in EXAMPLES if fold_of(example, 5) == fold]
    assert len(a_pass(teacher, 5).open()(alike, ())) == len(alike)
    assert {number for number, ids in teacher.asked.items() if ids} == {fold}


class Stepwise:
    """A predictor that knows steps, and signs with its number in each."""

    def __init__(self, number: int) -> None:
        self.number = number

    def prepare(self, examples: Sequence[QAExample], proposals: Sequence[Signals] = ()) -> list[int]:
        return [100 * self.number + int(keys[0]) for keys in np.split(proposals[0].keys, len(examples))]

    def run(self, prepared: list[int]) -> list[int]:
        return [number + 10_000 for number in prepared]

    def signals_of(self, said: list[int]) -> Signals:
        return marks(said)


def test_every_step_is_that_of_the_model_of_the_fold() -> None:
    opened = Ask([Stepwise(number) for number in range(3)])
    said = opened.signals_of(opened.run(opened.prepare(EXAMPLES, [marks(range(len(EXAMPLES)))])))
    assert said.keys.tolist() == [
        10_000 + 100 * fold_of(example, 3) + number for number, example in enumerate(EXAMPLES)
    ]
