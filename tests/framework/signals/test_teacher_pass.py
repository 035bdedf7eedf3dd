"""A pass of a teacher that has one model, or one a fold."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from framework.data.folds import fold_of
from framework.data.windows_section import WindowSettings
from framework.readers.base import Reading
from framework.signals.section import Signals
from framework.signals.span import Side, SpanSignal
from framework.signals.teacher_pass import TeacherPass
from framework.tasks.span_qa.example import QAExample
from framework.tasks.span_qa.task import ExtractiveQA

EXAMPLES = [QAExample(f"{number}", f"Абзац {number // 2}.", "Где?", None) for number in range(24)]
READING = Reading(ExtractiveQA(), WindowSettings(), 8, "fp32")


def mark(number: int, log_mass: float = 0.0) -> SpanSignal:
    side = Side(np.asarray([number]), np.asarray([log_mass]), -np.inf)
    return SpanSignal(side, side)


class Marking:
    """A teacher whose models sign with their own number, and with the sum of the numbers that they are shown."""

    def __init__(self) -> None:
        self.asked: dict[int, list[str]] = {}

    def reader(self, folder: Path, reading: Reading) -> Any:
        assert reading is READING
        asked, number = self.asked.setdefault(int(folder.name), []), int(folder.name)

        class Reader:
            def signals(
                self, examples: Sequence[QAExample], hints: Sequence[Sequence[SpanSignal]] = ()
            ) -> list[SpanSignal]:
                asked.extend(example.id for example in examples)
                shown = [sum(int(hint.start.chars[0]) for hint in hints_of) for hints_of in zip(*hints, strict=True)]
                return [mark(number, total) for total in shown or [0] * len(examples)]

        return Reader()


def a_pass(teacher: Any, models: int) -> TeacherPass:
    folders = tuple(Path(str(number)) for number in range(models))
    return TeacherPass("t", teacher, READING, folders, EXAMPLES, Path("signals"), (), Signals())


@pytest.mark.parametrize("folds", [1, 2, 5])
def test_each_question_is_asked_once_of_the_model_of_its_fold(folds: int) -> None:
    teacher = Marking()
    signals = a_pass(teacher, folds).open()(EXAMPLES, ())
    assert [int(one.start.chars[0]) for one in signals] == [fold_of(example, folds) for example in EXAMPLES]
    assert sorted(id for ids in teacher.asked.values() for id in ids) == sorted(example.id for example in EXAMPLES)


def test_hints_stay_with_their_questions() -> None:
    first = [mark(number) for number in range(len(EXAMPLES))]
    second = [mark(100 * number) for number in range(len(EXAMPLES))]
    signals = a_pass(Marking(), 3).open()(EXAMPLES, (first, second))
    assert [one.start.log_mass[0] for one in signals] == [101 * number for number in range(len(EXAMPLES))]


def test_models_without_a_question_are_left_alone() -> None:
    teacher = Marking()
    fold = fold_of(EXAMPLES[0], 5)
    alike = [example for example in EXAMPLES if fold_of(example, 5) == fold]
    assert len(a_pass(teacher, 5).open()(alike, ())) == len(alike)
    assert {number for number, ids in teacher.asked.items() if ids} == {fold}
