"""Pictures of a search: how trials' values go with their metric, and which places matter."""

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.files import write_atomic
from framework.outcome import TrialResults
from framework.search.goal import Goal
from framework.search.section import Search
from framework.search.study import study_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PARALLEL, IMPORTANCE = "parallel_coordinates.png", "importance.png"
_TICKS = 5


def draw_plots(search: Search, goal: Goal, trials: list[TrialResults], folder: Path) -> list[str]:
    """Draw what there are enough finished trials for into `folder`; returns the files' names."""
    finished = [trial for trial in trials if trial["state"] == "finished"]
    figures = {}
    if finished:
        figures[PARALLEL] = parallel_coordinates(search, goal, finished)
    if len({goal.objectives(trial)[0] for trial in finished}) > 1:
        figures[IMPORTANCE] = importance(search, goal, trials)
    for name, figure in figures.items():
        content = io.BytesIO()
        figure.savefig(content, format="png", bbox_inches="tight", dpi=100)
        write_atomic(folder / name, content.getvalue())
    return list(figures)


def parallel_coordinates(search: Search, goal: Goal, finished: Sequence[TrialResults]) -> "Figure":
    """A line a trial through an upright axis a place, the last one being the metric, the brightest the best (Inselberg 1985)."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    columns = {place: [trial["values"][place] for trial in finished] for place in search.space}
    columns[goal.metric.name] = [goal.objectives(trial)[0] for trial in finished]
    figure = Figure(figsize=(2.2 * len(columns), 4.5))
    axes = figure.add_subplot()
    heights = []
    for x, column in enumerate(columns.values()):
        found, ticks = _heights(column)
        heights.append(found)
        axes.axvline(x, color="black", linewidth=0.8)
        for height, label in ticks:
            axes.annotate(label, (x, height), (4, 0), textcoords="offset points", fontsize=7, va="center")
    goodness = [height if goal.metric.higher_is_better else 1 - height for height in heights[-1]]
    for number in sorted(range(len(finished)), key=lambda number: goodness[number]):
        line = [column[number] for column in heights]
        axes.plot(range(len(columns)), line, color=colormaps["viridis"](goodness[number]), alpha=0.8)
    axes.set_xticks(range(len(columns)), list(columns), rotation=20, ha="right", fontsize=8)
    axes.set_yticks([])
    axes.set_frame_on(False)
    return figure


def importance(search: Search, goal: Goal, trials: list[TrialResults]) -> "Figure":
    """Each place's share of the variance of the metric, by functional ANOVA (Hutter et al., ICML 2014)."""
    from matplotlib.figure import Figure
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    study = study_of(search, goal, trials).optuna
    shares = get_param_importances(
        study, evaluator=FanovaImportanceEvaluator(seed=0), target=lambda trial: trial.values[0]
    )
    figure = Figure(figsize=(6, 1 + 0.4 * len(shares)))
    axes = figure.add_subplot()
    axes.barh(list(shares)[::-1], list(shares.values())[::-1])
    axes.set_xlabel(f"share of the variance of {goal.metric.name}")
    return figure


def _heights(column: Sequence[Any]) -> tuple[list[float], list[tuple[float, str]]]:
    """Where values lie on an axis from 0 to 1, and its ticks. Numbers that span decades lie by their logarithms."""
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in column):
        names = list(dict.fromkeys(str(value) for value in column))
        place = {name: number / max(1, len(names) - 1) for number, name in enumerate(names)}
        return [place[str(value)] for value in column], [(height, name[:40]) for name, height in place.items()]
    low, high = min(column), max(column)
    if low == high:
        return [0.5] * len(column), [(0.5, f"{low:.3g}")]
    scale, back = (math.log, math.exp) if low > 0 and high / low > 20 else (float, float)
    begin, length = scale(low), scale(high) - scale(low)
    ticks = [number / (_TICKS - 1) for number in range(_TICKS)]
    return [(scale(value) - begin) / length for value in column], [
        (t, f"{back(begin + t * length):.3g}") for t in ticks
    ]
