"""The forms of a model, measured on the same questions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from framework.data.example import Example
from framework.data.windows import Windows
from framework.evaluation.metrics import main_metrics
from framework.progress import SILENT, Progress
from framework.readers.logits import LogitsReader
from framework.tasks.base import Logits

TOLERANCE = 1e-3  # by which a logit of the ONNX file may differ


def compare_forms(
    forms: Mapping[str, LogitsReader],
    examples: Sequence[Example],
    resamples: int,
    seed: int,
    progress: Progress = SILENT,
) -> dict[str, dict[str, Any]]:
    """EM and F1 of each form by its name, and how it differs from the first one.

    different_answers: questions whose best answer is another; largest_difference: of two logits of a token of the
    context, over all windows; None if one is not finite. Windows and decoding are the same for all forms.
    """
    found: dict[str, dict[str, Any]] = {}
    answers: list[dict[str, Any]] = []
    outputs: list[Logits] = []
    for name, reader in forms.items():
        task, unanswerable = reader.reading.task, reader.reading.unanswerable
        windows, logits = reader.outputs(examples, progress, f"evaluate {name}")
        predictions = task.predict(examples, windows, logits, unanswerable)
        answers.append({id: (record["start"], record["end"]) for id, record in predictions.items()})
        outputs.append(logits)
        scores = task.score(examples, predictions, unanswerable, resamples, seed)
        intervals = {f"{name}_interval": list(bounds) for name, bounds in main_metrics(scores.intervals).items()}
        found[name] = {
            "examples": scores.examples,
            **main_metrics(scores.metrics),
            **intervals,
            "different_answers": sum(answers[0][id] != answer for id, answer in answers[-1].items()),
            "largest_difference": _largest_difference(windows, outputs[0], logits),
        }
    return found


def problems(forms: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """How the ONNX file fails to be the model that it was made of, in words; the 8-bit file is not held to that."""
    if "onnx" not in forms:
        return []
    torch, onnx = forms["torch"], forms["onnx"]
    difference, found = onnx["largest_difference"], []
    if difference is None:
        found.append("its logits are not finite")
    elif difference > TOLERANCE:
        found.append(f"its logits differ by up to {difference:.2g}, expected at most {TOLERANCE:g}")
    if onnx["exact_match"] != torch["exact_match"]:
        found.append(f"its EM is {onnx['exact_match']:.2f}, expected {torch['exact_match']:.2f}")
    return found


def _largest_difference(windows: Windows, first: Logits, second: Logits) -> float | None:
    largest = 0.0
    for row in range(len(windows)):
        support = windows.support[windows.slice_of(row)]
        difference = np.abs(first[row] - second[row])[:, support]
        largest = float(np.maximum(largest, difference.max(initial=0.0)))
    return largest if np.isfinite(largest) else None
