"""The trials of a search as a table and plots."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from distil.framework.metrics import Metric
from distil.framework.outcome import SearchResults, TrialResults
from distil.framework.search.study import goal_in
from distil.framework.tables import NOTHING, short_value
from distil.tracking.content import milliseconds
from distil.tracking.html.plot import Axis, Line, Mark, Plot, name_axis, number_axis

_MINUTE = 60_000  # milliseconds
_MANY = 20  # ratio of the ends of a place's values from which its axis is logarithmic
_NAME = 22  # letters of a value that is shown at an axis


@dataclass(frozen=True)
class SearchParts:
    """The trials as a table; progress: the best so far; places: a plot for each place that is varied."""

    caption: str
    columns: list[str]
    rows: list[list[str]]
    progress: Plot | None
    places: list[Plot]


def search_parts(values: SearchResults) -> SearchParts:
    """What a page shows of a search, from its search.json."""
    metric, trials, space = goal_in(values).metric, values["trials"], list(values["recipe"]["search"]["space"])
    finished = [trial for trial in trials if trial["state"] == "finished"]
    # A trial that was stopped early stands where it came to.
    measured = [
        trial for trial in trials if trial["state"] == "finished" or (trial["state"] == "pruned" and trial["epochs"])
    ]
    return SearchParts(
        caption=f"State: {values['state']}. {len(trials)} trials, {len(finished)} of them finished.",
        columns=["trial", "state", "note", "epochs", metric.axis(metric.name), "latency, ms", *space],
        rows=[_row(trial, values, metric, space) for trial in trials],
        progress=_progress(trials, finished, metric, values["best"]) if finished else None,
        places=[_place(number, place, measured, metric, values["best"]) for number, place in enumerate(space)]
        if finished
        else [],
    )


def _row(trial: TrialResults, values: SearchResults, metric: Metric, space: list[str]) -> list[str]:
    number, last = trial["number"], trial["epochs"][-1] if trial["epochs"] else {}
    figures = trial["metrics"] or last
    notes = [trial["reason"]] if trial["reason"] else []
    notes += ["best"] if number == values["best"] else []
    notes += ["front"] if number in (values["front"] or ()) else []
    latency = figures.get("latency_median_ms")
    return [
        str(number),
        trial["state"],
        ", ".join(notes),
        str(last.get("epoch", 0)),
        metric.text(figures[metric.name], 2) if metric.name in figures else NOTHING,
        NOTHING if latency is None else f"{latency:.1f}",
        *(short_value(trial["values"][place]) for place in space),
    ]


def _progress(trials: list[TrialResults], finished: list[TrialResults], metric: Metric, best: int | None) -> Plot:
    """Trials when they ended, and the best figure until then."""
    begun = min(milliseconds(trial["started"]) or 0 for trial in trials if trial["started"])
    ended = sorted(finished, key=lambda trial: str(trial["ended"]))
    times = [((milliseconds(trial["ended"]) or 0) - begun) / _MINUTE for trial in ended]
    figures = [(trial["metrics"] or {})[metric.name] for trial in ended]
    best_yet = list(accumulate(figures, max if metric.higher_is_better else min))
    # A figure holds until a better one comes.
    steps = zip(times[1:], best_yet, best_yet[1:], strict=False)
    line = Line("", "student", [(times[0], best_yet[0]), *((time, one) for time, *both in steps for one in both)])
    marks = [_mark(trial, best, x, y) for trial, x, y in zip(ended, times, figures, strict=True)]
    x, y = number_axis("minutes since the first trial began", times), number_axis(metric.axis(metric.name), figures)
    return Plot("progress", "The best figure, and when each trial ended", x, y, marks, [line])


def _place(number: int, place: str, measured: list[TrialResults], metric: Metric, best: int | None) -> Plot:
    axis, along = _axis(place, [trial["values"][place] for trial in measured])
    figures = [(trial["metrics"] or trial["epochs"][-1])[metric.name] for trial in measured]
    marks = [_mark(trial, best, x, y) for trial, x, y in zip(measured, along, figures, strict=True)]
    return Plot(f"place-{number}", place, axis, number_axis(metric.axis(metric.name), figures), marks)


def _axis(place: str, found: Sequence[Any]) -> tuple[Axis, list[float]]:
    """The axis of a place's values, and where on it each lies."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in found):
        log = min(found) > 0 and max(found) / min(found) > _MANY
        return number_axis(place, found, log=log), [float(value) for value in found]
    texts = [short_value(value) for value in found]
    names = list(dict.fromkeys(texts))
    short = [name if len(name) <= _NAME else f"{name[: _NAME - 1]}…" for name in names]
    return name_axis(place, short), [float(names.index(text)) for text in texts]


def _mark(trial: TrialResults, best: int | None, x: float, y: float) -> Mark:
    number = trial["number"]
    kind = "student" if number == best else trial["state"]
    return Mark(f"trial {number}", kind, x, y, labelled=number == best)
