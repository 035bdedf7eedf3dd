"""How models learnt: the loss by step, and metrics by epoch where they were measured."""

import math
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from framework.outcome import RunResults
from framework.tasks.summary import summary_in
from tracking.content import new_lines
from tracking.html.plot import Line, Plot, number_axis

_POINTS = 200  # of a line at most


@dataclass(frozen=True)
class Curves:
    """Plots of losses and of metrics; missing: trained models whose history is not here."""

    losses: list[Plot]
    metrics: list[Plot]
    missing: list[str]


def curves(folder: Path, results: RunResults) -> Curves | None:
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
            losses.append(_plot(f"loss-{number}", name, "step", "loss", [Line("", roles[name], _thinned(points))]))
    metrics = []
    for metric in summary_in(results).metrics:
        measured = {
            name: [
                (line.epoch, line.metrics[f"evaluation/{metric.name}"]) for line in found if line.kind == "evaluation"
            ]
            for name, found in lines.items()
        }
        drawn = [Line(name, roles[name], points) for name, points in measured.items() if points]
        if drawn:
            title = f"{metric.label} during training"
            metrics.append(_plot(f"{metric.name}-epoch", title, "epoch", metric.axis(metric.label), drawn))
    return Curves(losses, metrics, [name for name, found in lines.items() if not found])


def _thinned(points: list[tuple[int, float]]) -> list[tuple[float, float]]:
    """At most `_POINTS` points, each the mean of so many that follow each other."""
    size = -(-len(points) // _POINTS)
    parts = [points[first : first + size] for first in range(0, len(points), size)]
    return [(part[-1][0], fmean(loss for _, loss in part)) for part in parts]


def _plot(key: str, title: str, x: str, y: str, lines: list[Line]) -> Plot:
    points = [point for line in lines for point in line.points]
    return Plot(
        key,
        title,
        number_axis(x, [one for one, _ in points], whole=True),
        number_axis(y, [one for _, one in points]),
        lines=lines,
    )
