"""Figures of a run: how models learnt, what their quality costs, and the ensemble beside its teachers and the student."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from distil.framework.files import Json
from distil.framework.language.words import Words
from distil.framework.metrics import Metric
from distil.framework.outcome import ModelResults, RunResults
from distil.framework.paper import DATASET, SPLIT, TABLE
from distil.framework.tables import short_count
from distil.framework.tasks.registry import summary_in
from distil.framework.training.history import EVALUATION, VALIDATION
from distil.tracking.content import Line as HistoryLine
from distil.tracking.content import new_lines
from distil.tracking.html.plot import Line, Mark, Plot, number_axis
from distil.tracking.report import PlainTable, ensemble_table

_POINTS = 200  # of a line at most
WIDTH, ROW = 480, 26
LEFT, RIGHT = 190, 56  # margins: the names, and what is written behind the longest bar


@dataclass(frozen=True)
class Curves:
    """Plots of losses and of metrics; missing: trained models whose history is not here."""

    losses: list[Plot]
    metrics: list[Plot]
    missing: list[str]


def curves(folder: Path, results: RunResults, words: Words) -> Curves | None:
    """The learning curves of a run's models; None if none was trained."""
    trained = {model["name"]: path for model in results["models"] if (path := model["history"]) is not None}
    if not trained:
        return None
    lines = {name: list(new_lines(folder.parent / path, {})) for name, path in trained.items()}
    roles = {model["name"]: model["role"] for model in results["models"]}
    losses = []
    for number, (name, found) in enumerate(lines.items()):
        steps = [(line.step, line.metrics.get("loss", math.nan)) for line in found if line.kind == "step"]
        points = [(step, loss) for step, loss in steps if math.isfinite(loss)]
        if points:
            line = Line("", roles[name], _thinned(points))
            losses.append(_curve(f"loss-{number}", name, words("step"), words("loss"), [line]))
    metrics = [
        plot
        for metric in summary_in(results).metrics
        for kind in (EVALUATION, VALIDATION)
        if (plot := _measured(kind, metric, lines, roles, words)) is not None
    ]
    metrics += [plot for metric in summary_in(results).metrics for plot in _by_round(metric, results, words)]
    return Curves(losses, metrics, [name for name, found in lines.items() if not found])


def _measured(
    kind: str, metric: Metric, lines: Mapping[str, list[HistoryLine]], roles: Mapping[str, str], words: Words
) -> Plot | None:
    """A metric of those models that were measured while they were trained; None if none was."""
    key = f"{kind}/{metric.name}"
    measured = {
        name: [(line.epoch, line.metrics[key]) for line in found if line.kind == kind and key in line.metrics]
        for name, found in lines.items()
    }
    drawn = [Line(name, roles[name], points) for name, points in measured.items() if points]
    if not drawn:
        return None
    own = kind == VALIDATION  # each training names a split of its own
    key = f"{metric.name}-{'validation' if own else 'epoch'}"
    title = words("validation during training" if own else "during training", label=metric.label)
    return _curve(key, title, words("epoch"), metric.axis(metric.label, words), drawn)


def _by_round(metric: Metric, results: RunResults, words: Words) -> Iterator[Plot]:
    """A metric of students before their rounds on texts of their own, and after each; nothing where there were none."""
    drawn = []
    for model in results["models"]:
        measured = {one["round"]: one.get("evaluation", {}) for one in model.get("rounds", [])}
        points = [(float(number), found[metric.name]) for number, found in measured.items() if metric.name in found]
        drawn += [Line(model["name"], model["role"], points)] if points else []
    if drawn:
        title = words("after rounds", label=metric.label)
        yield _curve(f"{metric.name}-round", title, words("round"), metric.axis(metric.label, words), drawn)


def _thinned(points: list[tuple[int, float]]) -> list[tuple[float, float]]:
    """At most `_POINTS` points, each the mean of so many that follow each other."""
    size = -(-len(points) // _POINTS)
    parts = [points[first : first + size] for first in range(0, len(points), size)]
    return [(part[-1][0], fmean(loss for _, loss in part)) for part in parts]


def _curve(key: str, title: str, x: str, y: str, lines: list[Line]) -> Plot:
    points = [point for line in lines for point in line.points]
    return Plot(
        key,
        title,
        number_axis(x, [one for one, _ in points], whole=True),
        number_axis(y, [one for _, one in points]),
        lines=lines,
    )


@dataclass(frozen=True)
class Tradeoff:
    """Plots of the metrics. legend: what each kind of mark is; published: rows of the paper's figures, if they are drawn."""

    plots: list[Plot]
    legend: dict[str, str]
    published: list[tuple[str, ...]]


def tradeoff(results: RunResults, words: Words) -> Tradeoff | None:
    """Each metric against parameters and against latency; None if no model has either."""
    published = _is_sberquad(results["recipe"])
    plots = []
    for metric in summary_in(results).metrics:
        by_size = _marks(results, metric.name, lambda model: model["parameters"])
        by_time = _marks(results, metric.name, lambda model: (model["latency"] or {}).get("median_ms"))
        if by_size:
            papers = _published(metric.name) if published else []
            plots.append(_tradeoff_plot("parameters", metric, words("parameters"), [*papers, *by_size], _count, words))
        if by_time:
            plots.append(_tradeoff_plot("latency", metric, words("median latency"), by_time, "{:g}".format, words))
    if not plots:
        return None
    legend = {mark.kind: words(mark.kind) for plot in plots for mark in plot.marks if mark.kind != "published"}
    if not published:
        return Tradeoff(plots, legend, [])
    rows: list[tuple[str, ...]] = [
        (row.name, str(row.parameters), f"{row.exact_match:.2f}", f"{row.f1:.2f}") for row in TABLE
    ]
    return Tradeoff(plots, {**legend, "published": words("published", split=SPLIT)}, rows)


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
        if x and found and metric in found:
            interval = found.get(f"{metric}_interval")
            ends = (interval[0], interval[1]) if interval else None
            marks.append(Mark(model["name"], model["role"], x, found[metric], ends))
    return marks


def _published(metric: str) -> list[Mark]:
    return [Mark(row.name, "published", row.parameters * 1e6, getattr(row, metric), labelled=False) for row in TABLE]


def _count(parameters: float) -> str:
    return short_count(round(parameters))


def _tradeoff_plot(
    key: str, metric: Metric, label: str, marks: list[Mark], show: Callable[[float], str], words: Words
) -> Plot:
    """A metric by what `show` writes at the ticks; by ratios, as models are so many times as large or as slow as others."""
    heights = [height for mark in marks for height in (mark.y, *(mark.interval or ()))]
    return Plot(
        f"{metric.name}-{key}",
        words(f"by {key}", label=metric.label),
        number_axis(label, [mark.x for mark in marks], log=True, show=show),
        number_axis(
            metric.axis(metric.label, words), heights, bounds=(0, 100) if metric.percent else (-math.inf, math.inf)
        ),
        marks,
    )


@dataclass(frozen=True)
class Bar:
    """A bar of a length with a text behind it. kind: what it is drawn as; interval: low and high end."""

    name: str
    kind: str
    length: float
    text: str
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Bars:
    """Bars from 0; they have room from `least`, 0 at most, to `full`. key: unique on its page."""

    key: str
    title: str
    rows: list[Bar]
    full: float
    least: float = 0.0

    width, row, left = WIDTH, ROW, LEFT

    @property
    def height(self) -> int:
        """Of the drawing."""
        return ROW * len(self.rows)

    @property
    def description(self) -> str:
        """What it shows, in words."""
        return "; ".join(f"{row.name} {row.text}" for row in self.rows)

    def along(self, length: float) -> float:
        """Where a bar of a length ends."""
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (length - self.least) / (self.full - self.least), 1)


def metric_bars(key: str, metric: Metric, models: list[ModelResults], words: Words) -> Bars:
    """A metric of models that were measured, but for those that have no value of it."""
    rows = []
    for model in models:
        found = model["evaluation"] or {}
        if metric.name not in found:
            continue
        interval = found.get(f"{metric.name}_interval")
        ends = (interval[0], interval[1]) if interval else None
        rows.append(Bar(model["name"], model["role"], found[metric.name], metric.text(found[metric.name]), ends))
    title = metric.axis(metric.label, words)
    if metric.percent:
        return Bars(key, title, rows, 100.0)
    reached = [0.0, *(end for row in rows for end in (row.length, *(row.interval or ())))]
    return Bars(key, title, rows, full=max(reached) or 1.0, least=min(reached))


@dataclass(frozen=True)
class Ensemble:
    """settings: the rule and its options; table: what teachers weigh; bars: metrics, and weights."""

    settings: Json
    table: PlainTable | None
    bars: list[Bars]


def ensemble(results: RunResults, words: Words) -> Ensemble | None:
    """What is known of the run's ensemble; None if it has none."""
    found = next((model for model in results["models"] if model["role"] == "ensemble"), None)
    if found is None:
        return None
    shown = [model for model in results["models"] if model["evaluation"]]
    bars = [metric_bars(f"ensemble-{metric.name}", metric, shown, words) for metric in summary_in(results).metrics]
    if found.get("weights"):
        bars.append(_weights(found["weights"], words))
    return Ensemble(found["settings"], ensemble_table(results, words), [one for one in bars if one.rows])


def _weights(weights: dict[str, dict[str, float]], words: Words) -> Bars:
    rows = [Bar(name, "teacher", weight["mean"], f"{weight['mean']:.2f}") for name, weight in weights.items()]
    return Bars("ensemble-weights", words("mean weight"), rows, full=max(row.length for row in rows) or 1.0)
