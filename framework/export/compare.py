"""The forms of a model, measured on the same questions."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from framework.data.example import Example
from framework.data.windows import Windows
from framework.errors import ModelError
from framework.progress import SILENT, Progress
from framework.readers.logits import LogitsReader
from framework.tasks.base import Logits, main_metrics

TOLERANCE = 1e-3  # by which a logit of the ONNX file may differ
MOST_OTHER = 1.0  # percent of the questions that it may answer otherwise, where two answers are about as likely
MOST_LOST = 5.0  # points of EM, and of F1, that 8 bits may cost
NO_ONNX = "--no-onnx leaves the ONNX files out"


def compare_forms(
    forms: Mapping[str, LogitsReader],
    examples: Sequence[Example],
    resamples: int,
    seed: int,
    progress: Progress = SILENT,
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """EM and F1 of each form by its name, and how it differs from the first one; and why others do not run, in words.

    different_answers: questions whose best answer is another; largest_difference: of two logits of a token of the
    context, over all windows; None if one is not finite. Windows and decoding are the same for all forms.
    """
    failed: dict[str, str] = {}
    found: dict[str, dict[str, Any]] = {}
    answers: list[dict[str, Any]] = []
    outputs: list[Logits] = []
    for name, reader in forms.items():
        task, unanswerable = reader.reading.task, reader.reading.unanswerable
        try:
            windows, logits = reader.outputs(examples, progress, f"evaluate {name}")
        except ModelError as error:
            failed[name] = str(error)
            continue
        predictions = task.predict(examples, windows, logits, unanswerable)
        answers.append({id: (record["start"], record["end"]) for id, record in predictions.items()})
        outputs.append(logits)
        scores = task.score(examples, predictions, unanswerable, resamples, seed)
        intervals = {f"{name}_interval": list(bounds) for name, bounds in scores.intervals.items()}
        found[name] = {
            "examples": scores.examples,
            **main_metrics(task, scores.metrics),
            **intervals,
            "different_answers": sum(answers[0][id] != answer for id, answer in answers[-1].items()),
            "largest_difference": _largest_difference(windows, outputs[0], logits),
        }
    return found, failed


def problems(forms: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """How the ONNX files fail to be the model that they were made of, in words: the first in its logits and answers, the one
    of 8 bits in what it costs."""
    found = []
    if "onnx" in forms:
        found += [f"the ONNX file does not answer as the model does: {reason}" for reason in _unlike(forms["onnx"])]
    if "int8" in forms:
        found += [f"8 bits cost too much: {reason}" for reason in _costly(forms["torch"], forms["int8"])]
    return [f"{problem}; {NO_ONNX}" for problem in found]


def cost(forms: Mapping[str, Mapping[str, Any]]) -> str | None:
    """What 8 bits change, in words; None where there are none."""
    if "int8" not in forms:
        return None
    torch, int8 = forms["torch"], forms["int8"]
    changes = [f"{name} by {int8[key] - torch[key]:+.2f}" for key, name in (("exact_match", "EM"), ("f1", "F1"))]
    answers = f"{int8['different_answers']:,} of {int8['examples']:,} answers"
    return f"8 bits change {answers}, {' and '.join(changes)}, for {int8['megabytes'] / torch['megabytes']:.0%} of the size"


def _unlike(onnx: Mapping[str, Any]) -> Iterator[str]:
    difference, count = onnx["largest_difference"], onnx["different_answers"]
    most = max(1, int(onnx["examples"] * MOST_OTHER / 100))
    if difference is None:
        yield "its logits are not finite"
    elif difference > TOLERANCE:
        yield f"its logits differ by up to {difference:.2g}, expected at most {TOLERANCE:g}"
    if count > most:
        yield f"{count:,} of {onnx['examples']:,} answers are other ones, expected at most {most:,}"


def _costly(torch: Mapping[str, Any], int8: Mapping[str, Any]) -> Iterator[str]:
    most = max(MOST_LOST, 100 / max(1, int8["examples"]))  # one question may be worth more
    if int8["largest_difference"] is None:
        yield "logits are not finite"
    for key, name in (("exact_match", "EM"), ("f1", "F1")):
        if torch[key] - int8[key] > most:
            yield f"{name} falls from {torch[key]:.2f} to {int8[key]:.2f}, expected by at most {most:g}"


def _largest_difference(windows: Windows, first: Logits, second: Logits) -> float | None:
    largest = 0.0
    for row in range(len(windows)):
        support = windows.support[windows.slice_of(row)]
        difference = np.abs(first[row] - second[row])[:, support]
        largest = float(np.maximum(largest, difference.max(initial=0.0)))
    return largest if np.isfinite(largest) else None
