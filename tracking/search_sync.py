"""A search in MLflow: a run for the search, and one below it for every trial."""

import json
from collections.abc import Iterator
from pathlib import Path

from framework.outcome import SearchResults, TrialResults
from framework.search.goal import goal_in
from framework.search.log import SEARCH, read_search
from framework.search.section import Search
from framework.search.study import ENDED
from tracking import content
from tracking.content import MAX_PARAM, Line, clip, flatten, legal_key, numbers
from tracking.cursor import RunCursor
from tracking.logged_model import send_model
from tracking.search_plots import draw_plots
from tracking.sender import Sender

Trial = TrialResults
PLOTS = "plots"
_STATUS = {"finished": "FINISHED", "pruned": "FINISHED", "failed": "FAILED", "lost": "FAILED", "stopped": "KILLED"}


def send_search(sender: Sender, folder: Path, written: int, final: bool, log_models: bool) -> None:
    """Send what MLflow has not got yet of the search in `folder`. Raises StoreError for a damaged file.

    written: time of its file, in milliseconds; final: whether a search that is finished gets its pictures and, with
    log_models, its best student is logged as a model. One that was stopped gets them when it is.
    """
    values = read_search(folder)
    final = final and values["state"] == "finished"
    search = Search.model_validate(values["recipe"]["search"])
    cursor = sender.ledger.cursor.parent
    parent = sender.create(cursor, values["run"], content.milliseconds(values["started"]), {})
    sender.report.run_id = parent
    sender.params(cursor, flatten(values["recipe"]))
    runs = {trial["number"]: _send_trial(sender, values, trial, parent, written) for trial in values["trials"]}
    best = values["trials"][values["best"]] if values["best"] is not None else None
    if best is not None and final and log_models:
        model = {"name": f"{values['name']}-trial-{best['number']}", "folder": best["seeds"][0]["folder"]}
        send_model(sender, runs[best["number"]], model, folder.absolute().parent)
    sender.tags(cursor, {**content.run_tags(values), **_best_tags(best, runs)})
    sender.metrics(cursor, _figures(values, best), written)
    for name in ("recipe.yaml", SEARCH, "best.yaml"):
        sender.artifact(cursor, folder, name)
    if final:
        for name in draw_plots(search, goal_in(values), values["trials"], folder / PLOTS):
            sender.artifact(cursor, folder, f"{PLOTS}/{name}")
    sender.status(cursor, content.MLFLOW_STATUS[values["state"]], content.milliseconds(values["finished"]))


def _send_trial(sender: Sender, values: SearchResults, trial: Trial, parent: str, written: int) -> RunCursor:
    cursor = sender.ledger.cursor.model(f"trial-{trial['number']}", None)
    start = content.milliseconds(trial["started"] or values["started"])
    sender.create(cursor, f"trial-{trial['number']}", start, {content.PARENT_TAG: parent})
    sender.params(cursor, {legal_key(place): clip(_text(value), MAX_PARAM) for place, value in trial["values"].items()})
    sender.tags(cursor, _trial_tags(trial))
    sender.lines(cursor, _epochs(trial, start or 0))
    several = {str(seed["seed"]): seed["metrics"] for seed in trial["seeds"]} if len(trial["seeds"]) > 1 else {}
    sender.metrics(cursor, numbers({**(trial["metrics"] or {}), "seeds": several}), written)
    sender.status(cursor, _STATUS.get(trial["state"], "RUNNING"), content.milliseconds(trial["ended"]))
    return cursor


def _epochs(trial: Trial, start: int) -> Iterator[Line]:
    """The learning curve, by epoch."""
    for row in trial["epochs"]:
        metrics = {f"epoch/{name}": row[name] for name in row if name != "epoch"}
        yield Line("epoch", int(row["epoch"]), row["epoch"], start, metrics)


def _trial_tags(trial: Trial) -> dict[str, str]:
    tags = {"distil.role": "trial", "distil.state": trial["state"]}
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


def _figures(values: SearchResults, best: Trial | None) -> dict[str, float]:
    states = [trial["state"] for trial in values["trials"]]
    counts = {state: states.count(state) for state in set(states)}
    return numbers({"trials": counts, "best": best["metrics"] if best is not None else {}})


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
