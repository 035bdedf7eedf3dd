"""A search in MLflow: a run for the search, with pictures of how trials' values go with their metric and which places matter, and a
run below it for every trial."""

import copy
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from distil.framework.files import Json, write_atomic
from distil.framework.language.words import count_of
from distil.framework.outcome import DataResults, SearchResults, TrialResults, TrialState
from distil.framework.recipe.paths import set_at
from distil.framework.recipe.sections import Tracking
from distil.framework.search.log import SEARCH, read_search
from distil.framework.search.section import Search
from distil.framework.search.study import ENDED, Goal, goal_in, study_of
from distil.framework.tables import markdown_rows
from distil.tracking import content
from distil.tracking.content import MAX_PARAM, clip, flatten, numbers
from distil.tracking.ledger import RunCursor
from distil.tracking.logged_model import begin_model, send_model
from distil.tracking.registered import register
from distil.tracking.sender import Link, Sender, dataset_of
from distil.tracking.trials import trial_epochs, trial_params

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Trial = TrialResults
PLOTS = "plots"
_STATUS = {"finished": "FINISHED", "pruned": "FINISHED", "failed": "FAILED", "lost": "FAILED", "stopped": "KILLED"}


def send_search(sender: Sender, folder: Path, written: int, final: bool, tracking: Tracking) -> None:
    """Send what MLflow has not got yet of the search in `folder`. Raises StoreError for a damaged file.

    written: time of its file, in milliseconds; final: whether a search that is finished gets its pictures and its best
    student is logged, and registered, as `tracking` asks. One that was stopped gets them when it is.
    """
    values = read_search(folder)
    final = final and values["state"] == "finished"
    search = Search.model_validate(values["recipe"]["search"])
    cursor = sender.ledger.cursor.parent
    parent = sender.create(cursor, values["run"], content.milliseconds(values["started"]), {})
    sender.report.run_id = parent
    sender.params(cursor, flatten(values["recipe"]))
    data = _data(values)
    sender.datasets(cursor, data.get("splits") or {}, data.get("source") or {})
    runs = {
        trial["number"]: _send_trial(sender, values, trial, parent, written)
        for trial in values["trials"]
        if trial["started"] is not None or trial["state"] in ENDED  # MLflow lets nobody change when a run began
    }
    best = values["trials"][values["best"]] if values["best"] is not None else None
    if best is not None and final and tracking.log_models:
        _send_best(sender, values, best, runs[best["number"]], folder, tracking, written)
    sender.tags(cursor, content.run_tags(values) | _best_tags(best, runs) | _description(values, best))
    sender.metrics(cursor, _figures(values, best, cursor), written)
    for name in ("recipe.yaml", SEARCH, "best.yaml", "report.html"):
        sender.artifact(cursor, folder, name)
    if final:
        for name in draw_plots(search, goal_in(values), values["trials"], folder / PLOTS):
            sender.artifact(cursor, folder, f"{PLOTS}/{name}")
    sender.status(cursor, content.MLFLOW_STATUS[values["state"]], content.milliseconds(values["finished"]))


def _task_of(values: SearchResults, trial: Trial) -> Json:
    """The settings of a trial's task."""
    plain: dict[str, Json] = copy.deepcopy({"task": values["recipe"].get("task") or {}})
    for place, value in trial["values"].items():
        if place.partition(".")[0] == "task":
            set_at(plain, place, value)
    return plain["task"]


def _send_best(
    sender: Sender,
    values: SearchResults,
    best: Trial,
    cursor: RunCursor,
    folder: Path,
    tracking: Tracking,
    written: int,
) -> None:
    name, model = f"{values['name']}-trial-{best['number']}", folder.absolute().parent / best["seeds"][0]["folder"]
    entered = begin_model(sender, cursor, name, model, trial_params(best), _trial_tags(best))
    words = _description(values, best)
    send_model(sender, cursor, name, model, words, _task_of(values, best))
    if entered is not None:
        metrics = numbers(best["metrics"] or {})
        sender.metrics(cursor, metrics, written, Link(entered, metrics, _evaluated_on(values, best)))
        register(sender, cursor, tracking, words[content.DESCRIPTION])


def _data(values: SearchResults) -> DataResults:
    """The data of the search; nothing in files of before."""
    return values.get("data") or {}


def _evaluated_on(values: SearchResults, trial: Trial) -> tuple[str, str] | None:
    """The dataset on which a trial was measured; None where its data are its own."""
    name = values["recipe"]["evaluation"]["split"]
    split = (_data(values).get("splits") or {}).get(name)
    own = any(place.split(".")[0] == "data" for place in trial["values"])
    return None if split is None or own else dataset_of(name, split)


def _description(values: SearchResults, best: Trial | None) -> dict[str, str]:
    """Which trial is the best so far, what it came to, and by which values."""
    if best is None or best["metrics"] is None:
        return {}
    metric = goal_in(values).metric
    words = f"The best of {count_of(len(values['trials']), 'trial')} is trial-{best['number']}: {metric.label} {metric.text(best['metrics'][metric.name])}."
    rows = [[place, value] for place, value in trial_params(best).items()]
    return content.described(words, markdown_rows(["place of the recipe", "value"], rows, left=1))


def _send_trial(sender: Sender, values: SearchResults, trial: Trial, parent: str, written: int) -> RunCursor:
    cursor = sender.ledger.cursor.model(f"trial-{trial['number']}", None)
    start = content.milliseconds(trial["started"] or values["started"])
    sender.create(cursor, f"trial-{trial['number']}", start, {content.PARENT_TAG: parent})
    sender.params(cursor, trial_params(trial))
    sender.tags(cursor, _trial_tags(trial))
    sender.lines(cursor, trial_epochs(trial, start or 0))
    several = {str(seed["seed"]): seed["metrics"] for seed in trial["seeds"]} if len(trial["seeds"]) > 1 else {}
    sender.metrics(cursor, numbers({**(trial["metrics"] or {}), "seeds": several}), written)
    sender.status(cursor, _STATUS.get(trial["state"], "RUNNING"), content.milliseconds(trial["ended"]))
    return cursor


def _trial_tags(trial: Trial) -> dict[str, str]:
    tags = content.origin_tags() | {"distil.role": "trial", "distil.state": trial["state"]}
    if trial["state"] in ENDED:
        tags["pruned"] = str(trial["state"] == "pruned").lower()
    if trial["reason"] is not None:
        tags["distil.reason"] = clip(trial["reason"], MAX_PARAM)
    if trial["seeds"]:
        tags["distil.folder"] = trial["seeds"][0]["folder"]
    return tags


def _best_tags(best: Trial | None, runs: dict[int, RunCursor]) -> dict[str, str]:
    """Links from the search to its best trial, that trial's run, student and logged model."""
    tags = {"distil.role": "search"}
    if best is not None:
        run = runs[best["number"]]
        tags |= {"distil.best_trial": str(best["number"]), "distil.best_run": str(run.run_id)}
        tags["distil.best_folder"] = best["seeds"][0]["folder"]
        if run.model_id is not None:
            tags["distil.best_model"] = f"models:/{run.model_id}"
    return tags


def _figures(values: SearchResults, best: Trial | None, sent: RunCursor) -> dict[str, float]:
    """The best trial's figures, and how many trials there are in each state in which there is one, or was when it was last sent."""
    states = [trial["state"] for trial in values["trials"]]
    shown = [state for state in get_args(TrialState) if state in states or f"trials/{state}" in sent.metrics]
    counts = {state: states.count(state) for state in shown}
    return numbers({"best": best["metrics"] if best is not None else {}, "trials": counts})


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
    """A line a trial through an upright axis a place, the last one being the metric, the brightest the best (Inselberg 1985).

    Optuna's own takes a study, whose choices are numbers: its axes would show these and not what a recipe says.
    """
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
