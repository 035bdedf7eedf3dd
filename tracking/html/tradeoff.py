"""How good models are for their size and speed."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from framework.files import Json
from framework.metrics import Metric
from framework.outcome import ModelResults, RunResults
from framework.paper import DATASET, SPLIT, TABLE
from framework.tables import short_count
from framework.tasks.summary import summary_in
from tracking.html.plot import Mark, Plot, number_axis

_PUBLISHED = f"Galeev & Panishchev (2022), as published, on SberQuAD's {SPLIT} split"


@dataclass(frozen=True)
class Tradeoff:
    """Plots of the metrics. legend: what each kind of mark is; published: rows of the paper's figures, if they are drawn."""

    plots: list[Plot]
    legend: dict[str, str]
    published: list[tuple[str, ...]]


def tradeoff(results: RunResults) -> Tradeoff | None:
    """Each metric against parameters and against latency; None if no model has either."""
    published = _is_sberquad(results["recipe"])
    plots = []
    for metric in summary_in(results).metrics:
        by_size = _marks(results, metric.name, lambda model: model["parameters"])
        by_time = _marks(results, metric.name, lambda model: (model["latency"] or {}).get("median_ms"))
        if by_size:
            papers = _published(metric.name) if published else []
            plots.append(_plot("size", metric, "parameters", [*papers, *by_size], _count))
        if by_time:
            plots.append(_plot("time", metric, "median latency, ms", by_time, "{:g}".format))
    if not plots:
        return None
    legend = {mark.kind: mark.kind for plot in plots for mark in plot.marks if mark.kind != "published"}
    if not published:
        return Tradeoff(plots, legend, [])
    rows: list[tuple[str, ...]] = [
        (row.name, str(row.parameters), f"{row.exact_match:.2f}", f"{row.f1:.2f}") for row in TABLE
    ]
    return Tradeoff(plots, {**legend, "published": _PUBLISHED}, rows)


def _is_sberquad(recipe: Json) -> bool:
    """Whether the questions are such as the paper measured its models on."""
    data = recipe["data"]
    from_there: bool = data["source"].get("id") == DATASET
    return (
        from_there
        and not (data.get("unanswerable") or recipe["task"].get("unanswerable"))
        and recipe["evaluation"]["split"] not in data["extra"]
    )


def _marks(results: RunResults, metric: str, x_of: Callable[[ModelResults], float | None]) -> list[Mark]:
    marks = []
    for model in results["models"]:
        x, found = x_of(model), model["evaluation"]
        if x and found:
            interval = found.get(f"{metric}_interval")
            ends = (interval[0], interval[1]) if interval else None
            marks.append(Mark(model["name"], model["role"], x, found[metric], ends))
    return marks


def _published(metric: str) -> list[Mark]:
    return [Mark(row.name, "published", row.parameters * 1e6, getattr(row, metric), labelled=False) for row in TABLE]


def _count(parameters: float) -> str:
    return short_count(round(parameters))


def _plot(key: str, metric: Metric, label: str, marks: list[Mark], show: Callable[[float], str]) -> Plot:
    """A metric by what `show` writes at the ticks; by ratios, as models are so many times as large or as slow as others."""
    heights = [height for mark in marks for height in (mark.y, *(mark.interval or ()))]
    return Plot(
        f"{metric.name}-{key}",
        f"{metric.label} and {'parameters' if key == 'size' else 'latency'}",
        number_axis(label, [mark.x for mark in marks], log=True, show=show),
        number_axis(metric.axis(metric.label), heights, bounds=(0, 100) if metric.percent else (-math.inf, math.inf)),
        marks,
    )
