"""A run, or a search, as trackers show it: what stands in its folder, in their words."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from distil.framework.files import Json
from distil.framework.outcome import ModelResults, RunResults, SearchResults, State, TrialResults
from distil.framework.results import read_results
from distil.framework.search.log import SEARCH, read_search
from distil.framework.tables import NOTHING, table_columns, table_rows
from distil.tracking import content
from distil.tracking.content import Line, milliseconds, new_lines, numbers
from distil.tracking.trials import trial_epochs, trial_params

FILES = ("recipe.yaml", "results.json", "results.md", "report.html", SEARCH, "best.yaml")
LOGGED_ROLES = ("student", "baseline")


@dataclass(frozen=True)
class Part:
    """A model of a run, or a trial of a search.

    key: tells it from another one of that name; curve: its history behind the last steps given, by kind of row; figures: what it
    came to; headline: keys of those that tables show; folder: a student's weights, once it is measured.
    """

    name: str
    key: str
    params: Mapping[str, str]
    curve: Callable[[Mapping[str, int]], Iterable[Line]]
    figures: Mapping[str, float]
    headline: Sequence[str]
    folder: Path | None = None


@dataclass(frozen=True)
class Shown:
    """What there is to show of a run or a search now. columns, rows: its table; words: whether it paid; files: to be kept with it."""

    name: str
    recipe: Json
    state: State
    parts: Sequence[Part]
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: str
    files: Sequence[Path]


def shown_in(folder: Path) -> Shown:
    """What there is to show of the run or the search in `folder`. Raises StoreError for a damaged file."""
    files = _there(folder, FILES)
    if (folder / SEARCH).is_file():
        return _search(read_search(folder), files)
    results = read_results(folder)
    cards = [model["card"] for model in results["models"] if "card" in model]
    return _run(results, folder.absolute().parent, [*files, *_there(folder, cards)])


def _there(folder: Path, names: Iterable[str]) -> list[Path]:
    return [folder / name for name in names if (folder / name).is_file()]


def is_logged(model: ModelResults) -> bool:
    """Whether a model of a run is one that is kept with its files: a student that is measured."""
    return model["role"] in LOGGED_ROLES and bool(model.get("evaluation")) and model["folder"] is not None


def _run(results: RunResults, output: Path, files: Sequence[Path]) -> Shown:
    words = "\n\n".join(results.get("conclusions") or [])
    parts = list(_models(results, output))
    columns, rows = table_columns(results), table_rows(results)
    return Shown(results["run"], results["recipe"], results["state"], parts, columns, rows, words, files)


def _models(results: RunResults, output: Path) -> Iterator[Part]:
    for model in results["models"]:
        yield Part(
            name=model["name"],
            key=f"{model['name']}@{model['digest']}",
            params=content.model_params(model),
            curve=partial(_history, None if model["history"] is None else output / model["history"]),
            figures=content.model_metrics(model) | content.difference_metrics(results, model["name"]),
            headline=content.table_figures(results, model),
            folder=output / str(model["folder"]) if is_logged(model) else None,
        )


def _history(path: Path | None, last: Mapping[str, int]) -> Iterable[Line]:
    return [] if path is None else new_lines(path, last)


def _search(values: SearchResults, files: Sequence[Path]) -> Shown:
    names = list(next((one["metrics"] for one in values["trials"] if one["metrics"]), {}))
    rows = [
        (
            str(trial["number"]),
            trial["state"],
            *(f"{figures[name]:.4g}" if name in figures else NOTHING for name in names),
        )
        for trial in values["trials"]
        for figures in [trial["metrics"] or {}]
    ]
    parts = [_trial(values, trial) for trial in values["trials"]]
    return Shown(
        values["run"], values["recipe"], values["state"], parts, ("trial", "state", *names), rows, words="", files=files
    )


def _trial(values: SearchResults, trial: TrialResults) -> Part:
    start = milliseconds(trial["started"] or values["started"]) or 0
    figures = numbers(trial["metrics"] or {})
    return Part(
        name=f"trial-{trial['number']}",
        key=f"trial-{trial['number']}",
        params=trial_params(trial),
        curve=lambda last: (line for line in trial_epochs(trial, start) if line.step > last.get(line.kind, -1)),
        figures=figures,
        headline=list(figures),
    )
