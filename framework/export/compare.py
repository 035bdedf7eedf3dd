"""The forms of a model, measured on the same questions."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from distil.framework.data.example import Example
from distil.framework.errors import ModelError
from distil.framework.metrics import Metric
from distil.framework.predictors.compared import Compared, Numbers
from distil.framework.progress import SILENT, Progress
from distil.framework.tasks.facts import main_metrics

TOLERANCE = 1e-3  # by which a logit of the ONNX file may differ
MOST_OTHER = 1.0  # percent of the questions that it may answer otherwise, where two answers are about as likely
MOST_LOST = 5.0  # points of a metric in percent that 8 bits may cost
MOST_LOST_SHARE = 0.1  # of a metric that is a plain number
NO_ONNX = "--no-onnx leaves the ONNX files out"


def compare_forms(
    forms: Mapping[str, Compared],
    examples: Sequence[Example],
    resamples: int,
    seed: int,
    progress: Progress = SILENT,
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """The metrics of each form by its name, and how it differs from the first one; and why others do not run, in words.

    different_answers: questions whose best answer, or what is written, is another; largest_difference: of two logits that count, or of two tokens'
    log-probabilities, over all rows; None if one is not finite. Windows and decoding are the same for all forms.
    """
    failed: dict[str, str] = {}
    found: dict[str, dict[str, Any]] = {}
    answers: list[dict[str, Any]] = []
    outputs: list[Numbers] = []
    for name, predictor in forms.items():
        task = predictor.inference.task
        try:
            predictions, numbers = predictor.compared(examples, progress, f"evaluate {name}")
        except ModelError as error:
            failed[name] = str(error)
            continue
        # How likely a text is may be rounded either way, and is compared by its numbers.
        answers.append({id: one["text"] if task.writes else task.answer_of(one) for id, one in predictions.items()})
        outputs.append(numbers)
        scores = task.score(examples, predictions, resamples, seed)
        intervals = {f"{name}_interval": list(bounds) for name, bounds in scores.intervals.items()}
        found[name] = {
            "examples": scores.examples,
            **main_metrics(task, scores.metrics),
            **intervals,
            "different_answers": sum(answers[0][id] != answer for id, answer in answers[-1].items()),
            "largest_difference": _largest_difference(outputs[0], outputs[-1]),
        }
    return found, failed


def problems(forms: Mapping[str, Mapping[str, Any]], metrics: Sequence[Metric]) -> list[str]:
    """How the files fail to be the model that they were made of, in words: the first ONNX file in its logits and answers, those
    of 8 bits in what they cost."""
    found = []
    if "onnx" in forms:
        found += [f"the ONNX file does not answer as the model does: {reason}" for reason in _unlike(forms["onnx"])]
    if "int8" in forms:
        found += [f"8 bits cost too much: {reason}" for reason in _costly(forms["torch"], forms["int8"], metrics)]
    lost = [] if "gguf" not in forms else _costly(forms["torch"], forms["gguf"], metrics)
    return [f"{problem}; {NO_ONNX}" for problem in found] + [
        f"the GGUF file costs too much: {reason}" for reason in lost
    ]


def cost(forms: Mapping[str, Mapping[str, Any]], metrics: Sequence[Metric]) -> str | None:
    """What 8 bits change, in words; None where there are none."""
    if "int8" not in forms:
        return None
    torch, int8 = forms["torch"], forms["int8"]
    changes = [
        f"{metric.label} by {metric.change(int8[metric.name] - torch[metric.name])}"
        for metric in metrics
        if metric.name in torch and metric.name in int8
    ]
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


def _costly(torch: Mapping[str, Any], int8: Mapping[str, Any], metrics: Sequence[Metric]) -> Iterator[str]:
    if int8["largest_difference"] is None:
        yield "logits are not finite"
    for metric in metrics:
        if metric.name not in torch or metric.name not in int8:
            continue
        before, after = torch[metric.name], int8[metric.name]
        # One question may be worth more.
        most = max(MOST_LOST, 100 / max(1, int8["examples"])) if metric.percent else MOST_LOST_SHARE * abs(before)
        if metric.gain(before) - metric.gain(after) > most:
            moves = "falls" if metric.higher_is_better else "rises"
            shown = f"{metric.text(before, 2)} to {metric.text(after, 2)}"
            yield f"{metric.label} {moves} from {shown}, expected by at most {most:.4g}"


def _largest_difference(first: Numbers, second: Numbers) -> float | None:
    largest = 0.0
    for one, other in zip(first, second, strict=True):
        largest = float(np.maximum(largest, np.abs(one - other).max(initial=0.0)))
    return largest if np.isfinite(largest) else None
