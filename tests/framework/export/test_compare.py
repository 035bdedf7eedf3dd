"""How forms are held against each other."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from framework.data.example import Answer, Example
from framework.data.windows import Windows, cut_windows
from framework.data.windows_section import WindowSettings
from framework.export.compare import TOLERANCE, compare_forms, problems
from framework.readers.base import Reading
from framework.tasks.base import Logits
from framework.tasks.extractive_qa import ExtractiveQA
from tests.tokenizing import tokenizer

READING = Reading(ExtractiveQA(), WindowSettings(max_length=32, doc_stride=8, max_question=8), False, 4, "fp32")
CONTEXT = "Пётр Ильич Чайковский родился в Воткинске, а Йозеф Гайдн — в Рорау."
EXAMPLES = [
    Example(str(number), CONTEXT, "Где родился?", (Answer(text, CONTEXT.index(text)),))
    for number, text in enumerate(("Воткинске", "Рорау", "Пётр"))
]


@dataclass(frozen=True)
class Fixed:
    """A form whose logits are given: drawn at random, and changed on some tokens of the first window, most on the last."""

    support: bool = True
    by: float = 0.0
    reading: Reading = READING

    def outputs(self, examples: Any, progress: Any, title: str) -> tuple[Windows, Logits]:
        windows = cut_windows(examples, tokenizer("wordpiece"), READING.windows)
        generator = np.random.default_rng(0)
        logits = [generator.normal(size=(2, length)).astype(np.float32) for length in windows.lengths]
        changed = windows.support[windows.slice_of(0)] == self.support
        logits[0][:, changed] += self.by * np.linspace(0, 1, int(changed.sum()), dtype=np.float32)
        return windows, logits


def compare(**forms: Fixed) -> dict[str, dict[str, Any]]:
    return compare_forms(forms, EXAMPLES, resamples=100, seed=0)  # type: ignore[arg-type]


def test_differences_are_those_on_the_context_and_of_the_best_answers() -> None:
    assert len(cut_windows(EXAMPLES, tokenizer("wordpiece"), READING.windows)) > len(EXAMPLES)
    same, near, elsewhere, far = (Fixed(), Fixed(by=0.125), Fixed(support=False, by=9.0), Fixed(by=50.0))
    found = compare(torch=same, near=near, elsewhere=elsewhere, far=far)
    assert [form["largest_difference"] for form in found.values()] == [
        0.0,
        pytest.approx(0.125),
        0.0,
        pytest.approx(50.0),
    ]
    assert found["torch"]["different_answers"] == found["elsewhere"]["different_answers"] == 0
    assert found["far"]["different_answers"] == 1
    low, high = found["torch"]["exact_match_interval"]
    assert low <= found["torch"]["exact_match"] <= high
    assert found["torch"]["examples"] == 3


def test_an_onnx_file_has_to_have_the_logits_and_the_em_of_the_model() -> None:
    good = {"exact_match": 50.0, "largest_difference": TOLERANCE}
    assert problems({"torch": good}) == []
    assert problems({"torch": good, "onnx": good, "int8": {"exact_match": 1.0, "largest_difference": None}}) == []
    (far,) = problems({"torch": good, "onnx": {**good, "largest_difference": 1.5 * TOLERANCE}})
    assert far == "its logits differ by up to 0.0015, expected at most 0.001"
    (less,) = problems({"torch": good, "onnx": {**good, "exact_match": 49.5}})
    assert less == "its EM is 49.50, expected 50.00"
    (broken,) = problems({"torch": good, "onnx": {**good, "largest_difference": None}})
    assert broken == "its logits are not finite"


def test_logits_that_are_not_finite_are_no_small_difference() -> None:
    found = compare(torch=Fixed(), onnx=replace(Fixed(), by=float("nan")))
    assert found["onnx"]["largest_difference"] is None
