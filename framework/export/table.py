"""What was measured of an export, as the rows of a table."""

from collections.abc import Sequence

from distil.framework.files import Json
from distil.framework.metrics import Metric
from distil.framework.tables import NOTHING, metric_columns, milliseconds_pair, with_interval
from distil.framework.tasks.registry import summary_in


def form_columns(export: Json) -> tuple[str, ...]:
    """The names of the columns."""
    timed = [f"ms an example, {in_threads(count)}" for count in _counts(export)]
    written = [f"tokens a second, {in_threads(count)}" for count in _counts(export) if _writes(export)]
    return (
        "model",
        "form",
        "MB",
        *metric_columns(summary_in(export).metrics),
        "other answers",
        "log p differs by" if _writes(export) else "logits differ by",
        *timed,
        *written,
    )


def form_rows(export: Json) -> list[tuple[str, ...]]:
    """A row of text for each form of the model, and one for each teacher that was timed beside them."""
    name, forms = export["model"]["name"], export["forms"]
    metrics = summary_in(export).metrics
    rows = [(name, form, *_measured(found, metrics), *_times(export, name, form)) for form, found in forms.items()]
    beside = dict.fromkeys(row["model"] for row in export["latency"] if row["model"] != name)
    return rows + [
        (other, "torch", *[NOTHING] * (3 + len(metrics)), *_times(export, other, "torch")) for other in beside
    ]


def _measured(form: Json, metrics: Sequence[Metric]) -> tuple[str, ...]:
    difference = form["largest_difference"]
    return (
        f"{form['megabytes']:.1f}",
        *(with_interval(form, metric) for metric in metrics),
        f"{form['different_answers']:,}",
        "not finite" if difference is None else f"{difference:.2g}",
    )


def _times(export: Json, model: str, form: str) -> tuple[str, ...]:
    """Median and 95th percentile for each number of threads; then the speeds of models that write."""
    found = {row["threads"]: row for row in export["latency"] if (row["model"], row["form"]) == (model, form)}
    times = [
        milliseconds_pair(found[count]["median_ms"], found[count]["p95_ms"]) if count in found else NOTHING
        for count in _counts(export)
    ]
    speeds = [_speed(found.get(count, {}).get("tokens_per_second")) for count in _counts(export) if _writes(export)]
    return (*times, *speeds)


def _writes(export: Json) -> bool:
    return any("tokens_per_second" in row for row in export["latency"])


def _speed(tokens: float | None) -> str:
    return NOTHING if tokens is None else f"{tokens:,.0f}"


def _counts(export: Json) -> list[int]:
    return list(dict.fromkeys(row["threads"] for row in export["latency"]))


def in_threads(count: int) -> str:
    """A number of threads in words."""
    return "1 thread" if count == 1 else f"{count} threads"
