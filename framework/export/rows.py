"""What was measured of an export, as the rows of a table."""

from collections.abc import Mapping
from typing import Any

from framework.tables import NOTHING, pair, with_interval


def form_columns(export: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the columns."""
    timed = [f"ms a question, {_threads(count)}" for count in _counts(export)]
    return (
        "model",
        "form",
        "MB",
        "EM [95% interval]",
        "F1 [95% interval]",
        "other answers",
        "logits differ by",
        *timed,
    )


def form_rows(export: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A row of text for each form of the model, and one for each teacher that was timed beside them."""
    name, forms = export["model"]["name"], export["forms"]
    rows = [(name, form, *_measured(found), *_times(export, name, form)) for form, found in forms.items()]
    beside = dict.fromkeys(row["model"] for row in export["latency"] if row["model"] != name)
    return rows + [(other, "torch", *[NOTHING] * 5, *_times(export, other, "torch")) for other in beside]


def _measured(form: Mapping[str, Any]) -> tuple[str, ...]:
    difference = form["largest_difference"]
    return (
        f"{form['megabytes']:.1f}",
        with_interval(form, "exact_match"),
        with_interval(form, "f1"),
        f"{form['different_answers']:,}",
        "not finite" if difference is None else f"{difference:.2g}",
    )


def _times(export: Mapping[str, Any], model: str, form: str) -> tuple[str, ...]:
    """Median and 95th percentile for each number of threads."""
    found = {row["threads"]: row for row in export["latency"] if (row["model"], row["form"]) == (model, form)}
    return tuple(pair(found[count]["median_ms"], found[count]["p95_ms"]) for count in _counts(export))


def _counts(export: Mapping[str, Any]) -> list[int]:
    return list(dict.fromkeys(row["threads"] for row in export["latency"]))


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"
