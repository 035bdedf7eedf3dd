"""How long the forms of a model take for a question, beside each other and beside its teachers."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from framework.answer import Answerer
from framework.data.example import Example
from framework.evaluation.latency import measure_side_by_side
from framework.predictors.logits import LogitsPredictor

_WARM_UP = 3  # questions that each form answers before it is timed

Form = tuple[str, str]  # a model's name, and that of the form
Opening = Callable[[int], LogitsPredictor]  # opens a form for so many threads


def thread_counts() -> list[int]:
    """One thread, and two where there are that many cores."""
    return [count for count in (1, 2) if count <= (os.cpu_count() or 1)]


def time_forms(forms: Mapping[Form, Opening], examples: Sequence[Example]) -> list[dict[str, Any]]:
    """Milliseconds a question of each form of each model, asked alone, from its text to its answer.

    The forms take turns on every question, in one process, so that their ratios hold on a busy machine too.
    """
    if not examples:
        return []
    rows: list[dict[str, Any]] = []
    for threads in thread_counts():
        answers = {key: _asking(opening(threads)) for key, opening in forms.items()}
        found = measure_side_by_side(answers, examples, _WARM_UP, threads)
        rows += [{"model": model, "form": form, **asdict(latency)} for (model, form), latency in found.items()]
    return rows


def _asking(predictor: LogitsPredictor) -> Callable[[Example], object]:
    return Answerer(predictor, predictor.inference).ask
