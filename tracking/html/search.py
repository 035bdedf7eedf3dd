"""The trials of a search as a table and plots."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from distil.framework.files import Json
from distil.framework.language.words import Words
from distil.framework.metrics import Metric
from distil.framework.outcome import SearchResults, TrialResults
from distil.framework.search.study import goal_in
from distil.framework.tables import NOTHING, short_value
from distil.tracking.content import milliseconds
from distil.tracking.html.plot import Axis, Line, Mark, Plot, name_axis, number_axis

_MINUTE = 60_000  # milliseconds
_LETTERS, _FEWEST = 60, 4  # that an axis has room for; of one value


@dataclass(frozen=True)
class SearchParts:
    """The trials as a table, whose last columns are the values at so many places; progress: the best so far; places: a plot for
    each place that is varied."""

    caption: str
    columns: list[str]
    rows: list[list[str]]
    places_in_row: int
    progress: Plot | None
    places: list[Plot]


def search_parts(values: SearchResults, words: Words) -> SearchParts:
    """What a page shows of a search, from its search.json."""
    metric, trials, space = goal_in(values).metric, values["trials"], values["recipe"]["search"]["space"]
    finished = [trial for trial in trials if trial["state"] == "finished"]
    # A trial that was stopped early stands where it came to.
    measured = [
        trial for trial in trials if trial["state"] == "finished" or (trial["state"] == "pruned" and trial["epochs"])
    ]
    state = words("state", state=words(values["state"]))
    heights = metric.axis(metric.label, words)
    names = ("trial", "trial state", "note", "epochs")
    return SearchParts(
        caption=f"{state} {words('trials of which', len(trials), finished=len(finished))}",
        columns=[*(words(name) for name in names), heights, words("latency ms"), *space],
        rows=[_row(trial, values, metric, list(space), words) for trial in trials],
        places_in_row=len(space),
        progress=_progress(trials, finished, metric, values["best"], words) if finished else None,
        places=[
            _place(f"place-{number}", place, drawn, measured, metric, values["best"], words)
            for number, (place, drawn) in enumerate(space.items())
        ]
        if finished
        else [],
    )


def _row(trial: TrialResults, values: SearchResults, metric: Metric, space: list[str], words: Words) -> list[str]:
    number, last = trial["number"], trial["epochs"][-1] if trial["epochs"] else {}
    figures = trial["metrics"] or last
    notes = [trial["reason"]] if trial["reason"] else []
    notes += [words("best")] if number == values["best"] else []
    notes += [words("front")] if number in (values["front"] or ()) else []
    latency = figures.get("latency_median_ms")
    return [
        str(number),
        words(f"trial {trial['state']}"),
        ", ".join(notes),
        f"{last.get('epoch', 0):g}",
        metric.text(figures[metric.name], 2) if metric.name in figures else NOTHING,
        NOTHING if latency is None else f"{latency:.1f}",
        *(short_value(trial["values"][place]) for place in space),
    ]


def _progress(
    trials: list[TrialResults], finished: list[TrialResults], metric: Metric, best: int | None, words: Words
) -> Plot:
    """Trials when they ended, and the best figure until then."""
    ended = sorted(finished, key=lambda trial: str(trial["ended"]))
    begun = min(milliseconds(trial["started"]) or 0 for trial in trials if trial["started"])
    times = [_ended(trial, begun) for trial in ended]
    figures = [(trial["metrics"] or {})[metric.name] for trial in ended]
    best_yet = list(accumulate(figures, max if metric.higher_is_better else min))
    # A figure holds until a better one comes.
    steps = zip(times[1:], best_yet, best_yet[1:], strict=False)
    line = Line("", "student", [(times[0], best_yet[0]), *((time, one) for time, *both in steps for one in both)])
    marks = [_mark(trial, best, x, y, words) for trial, x, y in zip(ended, times, figures, strict=True)]
    x, y = number_axis(words("minutes"), [0.0, *times]), number_axis(metric.axis(metric.label, words), figures)
    return Plot("progress", words("progress"), x, y, marks, [line])


def _ended(trial: TrialResults, begun: int) -> float:
    """Minutes of the search, without interruptions, after which a trial ended; searches of before noted only the time of day."""
    after = trial.get("after")
    return after / 60 if after is not None else ((milliseconds(trial["ended"]) or 0) - begun) / _MINUTE


def _place(
    key: str, place: str, drawn: Json, measured: list[TrialResults], metric: Metric, best: int | None, words: Words
) -> Plot:
    axis, along = _axis(place, drawn, [trial["values"][place] for trial in measured])
    figures = [(trial["metrics"] or trial["epochs"][-1])[metric.name] for trial in measured]
    marks = [_mark(trial, best, x, y, words) for trial, x, y in zip(measured, along, figures, strict=True)]
    return Plot(key, place, axis, number_axis(metric.axis(metric.label, words), figures), marks)


def _axis(place: str, drawn: Json, found: Sequence[Any]) -> tuple[Axis, list[float]]:
    """The axis of a place's values, as wide as they may be, and where on it each lies."""
    if drawn["kind"] != "choice":
        ends, log = [drawn["low"], drawn["high"]], drawn["kind"] == "log_uniform"
        axis = number_axis(place, ends, log=log, whole=drawn["kind"] == "int_uniform")
        return axis, [float(value) for value in found]
    texts = [short_value(value) for value in drawn["values"]]
    most = max(_FEWEST, _LETTERS // len(texts))
    short = [text if len(text) <= most else f"{text[: most - 1]}…" for text in texts]
    return name_axis(place, short), [float(texts.index(short_value(value))) for value in found]


def _mark(trial: TrialResults, best: int | None, x: float, y: float, words: Words) -> Mark:
    number = trial["number"]
    kind = "student" if number == best else trial["state"]
    return Mark(words("trial number", number=number), kind, x, y, labelled=number == best)
