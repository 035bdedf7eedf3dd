"""The ensemble, its teachers and the student beside each other, in bars, which the template bars.html.j2 draws."""

from dataclasses import dataclass

from framework.files import Json
from framework.metrics import Metric
from framework.outcome import ModelResults, RunResults
from framework.tasks.summary import summary_in
from tracking.report import EnsembleTable, ensemble_table

WIDTH, ROW = 480, 26
LEFT, RIGHT = 190, 56  # margins: the names, and what is written behind the longest bar


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


def metric_bars(key: str, metric: Metric, models: list[ModelResults]) -> Bars:
    """A metric of models that were measured."""
    rows = []
    for model in models:
        found = model["evaluation"] or {}
        interval = found.get(f"{metric.name}_interval")
        ends = (interval[0], interval[1]) if interval else None
        rows.append(Bar(model["name"], model["role"], found[metric.name], metric.text(found[metric.name]), ends))
    title = metric.axis(metric.label)
    if metric.percent:
        return Bars(key, title, rows, 100.0)
    reached = [0.0, *(end for row in rows for end in (row.length, *(row.interval or ())))]
    return Bars(key, title, rows, full=max(reached) or 1.0, least=min(reached))


@dataclass(frozen=True)
class Ensemble:
    """settings: the rule and its options; table: what teachers weigh; bars: metrics, and weights."""

    settings: Json
    table: EnsembleTable | None
    bars: list[Bars]


def ensemble(results: RunResults) -> Ensemble | None:
    """What is known of the run's ensemble; None if it has none."""
    found = next((model for model in results["models"] if model["role"] == "ensemble"), None)
    if found is None:
        return None
    shown = [model for model in results["models"] if model["role"] != "baseline" and model["evaluation"]]
    bars = [metric_bars(f"ensemble-{metric.name}", metric, shown) for metric in summary_in(results).metrics]
    if found.get("weights"):
        bars.append(_weights(found["weights"]))
    return Ensemble(found["settings"], ensemble_table(results), [one for one in bars if one.rows])


def _weights(weights: dict[str, dict[str, float]]) -> Bars:
    rows = [Bar(name, "teacher", weight["mean"], f"{weight['mean']:.2f}") for name, weight in weights.items()]
    return Bars("ensemble-weights", "Mean weight of each teacher", rows, full=max(row.length for row in rows) or 1.0)
