"""The table of a search's trials: live on a terminal, a line an event elsewhere."""

import sys
from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING, Protocol

from distil.framework.files import Json
from distil.framework.outcome import TrialResults
from distil.framework.search.log import SearchLog
from distil.framework.tables import NOTHING, short_value

if TYPE_CHECKING:
    from rich.table import Table

_AT_ONCE = 15  # rows of the live table


class SearchTable(Protocol):
    """Where events of trials go."""

    def show(self, number: int) -> None:
        """Something has happened to a trial."""

    def say(self, line: str) -> None:
        """Something that no row shows."""

    def end(self) -> None:
        """No more will happen."""


def _print(line: str) -> None:
    print(line, flush=True)


class LineTable:
    """A line an event, under each other, for log files."""

    def __init__(self, log: SearchLog, say: Callable[[str], None] = _print) -> None:
        self._log, self._say = log, say
        self._begun: set[int] = set()
        self._say(_line("trial", "state", "epoch", log.search.metric, "best so far", "values"))

    def show(self, number: int) -> None:
        """See SearchTable. The values are named when a trial begins, or why it failed when it ends so."""
        trial = self._log.trials[number]
        told = trial["reason"] or ("" if number in self._begun else shown_values(trial["values"]))
        self._begun.add(number)
        self._say(_line(*_cells(self._log, trial), _best(self._log), told))

    def say(self, line: str) -> None:
        """See SearchTable."""
        self._say(f"    {line}")

    def end(self) -> None:
        """See SearchTable."""


class LiveTable:
    """The latest trials, redrawn at every event."""

    def __init__(self, log: SearchLog) -> None:
        from rich.live import Live

        self._log = log
        self._live = Live(self._table(), auto_refresh=False, transient=True)
        self._live.start()

    def show(self, number: int) -> None:
        """See SearchTable."""
        self._live.update(self._table(), refresh=True)

    def say(self, line: str) -> None:
        """See SearchTable: above the table."""
        self._live.console.print(f"    {line}", markup=False, highlight=False)

    def end(self) -> None:
        """See SearchTable."""
        self._live.stop()

    def _table(self) -> "Table":
        table = trials_table(self._log, self._log.trials[-_AT_ONCE:])
        told = _idle(self._log)
        table.caption = f"best so far: {_best(self._log)}{f'; {told}' if told else ''}"
        return table


def search_table(log: SearchLog) -> SearchTable:
    """Live on a terminal, lines elsewhere."""
    return LiveTable(log) if sys.stdout.isatty() else LineTable(log)


def trials_table(log: SearchLog, trials: list[TrialResults]) -> "Table":
    """Some trials of a search, one a row."""
    from rich.table import Table

    table = Table(title=log.folder.name)
    for name in ("trial", "state", "epoch", log.search.metric, "latency, ms"):
        table.add_column(name, justify="left" if name == "state" else "right")
    table.add_column("values", overflow="fold")
    for trial in trials:
        latency = (trial["metrics"] or {}).get("latency_median_ms")
        mark = " *" if trial["number"] == log.values["best"] else ""
        number, state, epoch, metric = _cells(log, trial)
        values = shown_values(trial["values"]) + (f" ({trial['reason']})" if trial["reason"] else "")
        table.add_row(number, state + mark, epoch, metric, NOTHING if latency is None else f"{latency:.1f}", values)
    table.caption = _idle(log)
    return table


def shown_values(values: Json) -> str:
    """Values by place, in short."""
    return ", ".join(f"{place}={short_value(value)}" for place, value in values.items())


def _cells(log: SearchLog, trial: TrialResults) -> tuple[str, str, str, str]:
    metric = log.goal.metric
    done = trial["epochs"][-1] if trial["epochs"] else None
    figure = trial["metrics"] or done or {}
    student, values = log.recipe.student, trial["values"]
    epochs = values.get("student.epochs", student.epochs) if student is not None else 0
    if student is not None and student.rounds is not None:
        rounds = (values.get(f"student.rounds.{name}", getattr(student.rounds, name)) for name in ("count", "epochs"))
        epochs += prod(rounds)
    return (
        str(trial["number"]),
        trial["state"],
        f"{done['epoch'] if done else 0}/{epochs}",
        metric.text(figure[metric.name], 2) if metric.name in figure else NOTHING,
    )


def _idle(log: SearchLog) -> str:
    """How much of the places' time was spent on anything but training."""
    return "" if log.idle is None else f"{log.places} at once; idle, or not training: {log.idle:.0%} of their time"


def _best(log: SearchLog) -> str:
    number, metric = log.values["best"], log.goal.metric
    figures = log.trials[number]["metrics"] if number is not None else None
    return NOTHING if figures is None else f"{metric.text(figures[metric.name], 2)} (trial {number})"


def _line(trial: str, state: str, epoch: str, metric: str, best: str, told: str) -> str:
    return f"    {trial:>5}  {state:<8}  {epoch:>7}  {metric:>11}  {best:<18}  {told}".rstrip()
