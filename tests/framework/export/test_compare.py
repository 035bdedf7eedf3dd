"""How forms are held against each other."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from distil.framework.data.features import WindowSettings
from distil.framework.errors import ModelError
from distil.framework.export.compare import TOLERANCE, compare_forms, cost, problems
from distil.framework.metrics import Metric
from distil.framework.predictors.logits import LogitsPredictor
from distil.framework.tasks.base import InferenceConfig, Logits
from distil.framework.tasks.span_qa.data import Answer, QAExample
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.tasks.span_qa.windows import Windows, cut_windows
from tests.tokenizing import tokenizer

INFERENCE = InferenceConfig(ExtractiveQA(), WindowSettings(max_length=32, doc_stride=8, max_question=8), 4, "fp32")
CONTEXT = "Пётр Ильич Чайковский родился в Воткинске, а Йозеф Гайдн — в Рорау."
EXAMPLES = [
    QAExample(str(number), CONTEXT, "Где родился?", (Answer(text, CONTEXT.index(text)),))
    for number, text in enumerate(("Воткинске", "Рорау", "Пётр"))
]


@dataclass(frozen=True)
class Fixed:
    """A form whose logits are given: drawn at random, and changed on some tokens of the first window, most on the last."""

    support: bool = True
    by: float = 0.0
    inference: InferenceConfig = INFERENCE

    compared = LogitsPredictor.compared

    def outputs(self, examples: Any, progress: Any, title: str) -> tuple[Windows, Logits]:
        windows = cut_windows(examples, tokenizer("wordpiece"), INFERENCE.windows)
        generator = np.random.default_rng(0)
        logits = [generator.normal(size=(2, length)).astype(np.float32) for length in windows.lengths]
        changed = windows.support[windows.slice_of(0)] == self.support
        logits[0][:, changed] += self.by * np.linspace(0, 1, int(changed.sum()), dtype=np.float32)
        return windows, logits


def compare(**forms: Fixed) -> dict[str, dict[str, Any]]:
    found, failed = compare_forms(forms, EXAMPLES, resamples=100, seed=0)  # type: ignore[arg-type]
    assert not failed
    return found


def test_differences_are_those_on_the_context_and_of_the_best_answers() -> None:
    assert len(cut_windows(EXAMPLES, tokenizer("wordpiece"), INFERENCE.windows)) > len(EXAMPLES)
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


METRICS = INFERENCE.task.metrics
GOOD = {"examples": 300, "exact_match": 50.0, "f1": 60.0, "different_answers": 0, "largest_difference": TOLERANCE}


@pytest.mark.parametrize(
    ("form", "changes", "problem"),
    [
        (
            "onnx",
            {"different_answers": 3, "exact_match": 49.0},
            None,
        ),  # three answers that were about as likely as others
        (
            "onnx",
            {"different_answers": 4},
            "does not answer as the model does: 4 of 300 answers are other ones, expected at most 3",
        ),
        ("onnx", {"largest_difference": 1.5 * TOLERANCE}, "its logits differ by up to 0.0015, expected at most 0.001"),
        ("onnx", {"largest_difference": None}, "its logits are not finite"),
        ("int8", {"different_answers": 90, "exact_match": 45.0, "f1": 55.0, "largest_difference": 9.0}, None),
        ("int8", {"exact_match": 44.9}, "8 bits cost too much: EM falls from 50.00 to 44.90, expected by at most 5"),
        ("int8", {"f1": 54.0}, "F1 falls from 60.00 to 54.00"),
        ("int8", {"largest_difference": None}, "logits are not finite"),
        ("int8", {"examples": 10, "exact_match": 40.0}, None),  # of ten questions one is worth that much
    ],
)
def test_onnx_is_held_to_logits_and_answers_and_8_bits_to_what_they_cost(
    form: str, changes: dict[str, Any], problem: str | None
) -> None:
    found = problems({"torch": GOOD, "onnx": GOOD, "int8": GOOD} | {form: {**GOOD, **changes}}, METRICS)
    assert len(found) == (problem is not None)
    for text in found:
        assert str(problem) in text
        assert "--no-onnx leaves the ONNX files out" in text


def test_one_near_tie_of_a_few_questions_is_no_failure() -> None:
    few = {**GOOD, "examples": 20}
    assert problems({"torch": few, "onnx": {**few, "different_answers": 1, "exact_match": 45.0}}, METRICS) == []
    assert len(problems({"torch": few, "onnx": {**few, "different_answers": 2}}, METRICS)) == 1


def test_what_8_bits_cost_is_said() -> None:
    int8 = {**GOOD, "different_answers": 4, "exact_match": 49.5, "f1": 60.25, "megabytes": 1.0}
    said = "8 bits change 4 of 300 answers, EM by -0.50 and F1 by +0.25, for 25% of the size"
    assert cost({"torch": {**GOOD, "megabytes": 4.0}, "int8": int8}, METRICS) == said
    assert cost({"torch": GOOD}, METRICS) is None


def test_a_plain_number_may_change_by_a_tenth_of_it_either_way_round() -> None:
    error = Metric("error", "error", percent=False, higher_is_better=False)
    torch, worse = {**GOOD, "error": 0.5, "megabytes": 4.0}, {**GOOD, "error": 0.56, "megabytes": 1.0}
    (problem,) = problems({"torch": torch, "int8": worse}, [error])
    assert "error rises from 0.5 to 0.56, expected by at most 0.05" in problem
    assert problems({"torch": torch, "int8": {**GOOD, "error": 0.54}}, [error]) == []
    assert problems({"torch": torch, "int8": {**GOOD, "error": 0.1}}, [error]) == []
    assert "error by +0.06" in str(cost({"torch": torch, "int8": worse}, [error]))


@dataclass(frozen=True)
class Broken(Fixed):
    """A form that does not run."""

    def outputs(self, examples: Any, progress: Any, title: str) -> tuple[Windows, Logits]:
        raise ModelError("the ONNX file of a bert model does not run")


def test_a_form_that_does_not_run_is_left_out_and_named() -> None:
    found, failed = compare_forms({"torch": Fixed(), "onnx": Broken(), "int8": Fixed()}, EXAMPLES, 100, 0)  # type: ignore[dict-item]
    assert list(found) == ["torch", "int8"]
    assert failed == {"onnx": "the ONNX file of a bert model does not run"}


def test_logits_that_are_not_finite_are_no_small_difference() -> None:
    found = compare(torch=Fixed(), onnx=replace(Fixed(), by=float("nan")))
    assert found["onnx"]["largest_difference"] is None
