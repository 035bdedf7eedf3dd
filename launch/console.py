"""Progress on a terminal: bars; elsewhere: plain lines."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from distil.framework import progress as protocol
from distil.launch.interrupt import INTERRUPT, InterruptibleProgress

_PATIENCE = 1.0  # seconds before work that goes on shows itself
_LINE_EVERY = 10.0  # seconds between two plain lines about the same work


def note(text: str) -> None:
    """Tell whoever sits there something that changes nothing."""
    print(f"note: {text}", file=sys.stderr)


class TerminalProgress:
    """Bars with figures, speed and time left."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Progress(
            TextColumn("    {task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            TextColumn("{task.fields[figures]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )

    @contextmanager
    def task(self, description: str, total: float, unit: str = "examples") -> Iterator[protocol.Task]:
        """A bar for as long as the context lasts."""
        self._bars.start()
        number = self._bars.add_task(description, total=total, unit=unit, figures="")
        try:
            yield _Bar(self._bars, number)
        finally:
            self._bars.remove_task(number)
            if not self._bars.tasks:
                self._bars.stop()

    def say(self, message: str) -> None:
        """Print one line above the bars."""
        self._console.print(message, markup=False, highlight=False, soft_wrap=True)


class _Bar:
    def __init__(self, bars: Progress, number: object) -> None:
        self._bars, self._number = bars, number

    def advance(self, count: float = 1, **figures: float) -> None:
        """Move the bar on."""
        self._bars.advance(self._number, count)  # type: ignore[arg-type]
        if figures:
            self._bars.update(self._number, figures=_figures(figures))  # type: ignore[arg-type]


class LineProgress:
    """Plain lines, for log files: at the end of what took longer than a second, and now and then on the way."""

    @contextmanager
    def task(self, description: str, total: float, unit: str = "examples") -> Iterator[protocol.Task]:
        """Lines for as long as the context lasts."""
        task = _Lines(description, total, unit)
        yield task
        task.end()

    def say(self, message: str) -> None:
        """Print one line."""
        print(message, flush=True)


class _Lines:
    def __init__(self, description: str, total: float, unit: str) -> None:
        self._description, self._total, self._unit = description, total, unit
        self._done = 0.0
        self._figures: dict[str, float] = {}
        self._began = self._spoke = time.monotonic()

    def advance(self, count: float = 1, **figures: float) -> None:
        """Count on, and print a line if the last one is old."""
        self._done += count
        self._figures.update(figures)
        now = time.monotonic()
        if now - self._spoke >= _LINE_EVERY and 0 < self._done < self._total:
            self._spoke = now
            left = (now - self._began) * (self._total - self._done) / self._done
            self._print(f"{left:.0f} s left")

    def end(self) -> None:
        """Print the last line, if the work took long enough to be worth one."""
        seconds = time.monotonic() - self._began
        if seconds >= _PATIENCE:
            self._print(f"{seconds:.0f} s")

    def _print(self, timing: str) -> None:
        parts = [f"{self._done:.0f}/{self._total:.0f} {self._unit}", _figures(self._figures), timing]
        print(f"    {self._description}: {', '.join(part for part in parts if part)}", flush=True)


def console_progress() -> protocol.Progress:
    """Bars on a terminal, lines elsewhere; work that reports to it ends when someone has asked this process to stop."""
    console = Console()
    return InterruptibleProgress(TerminalProgress(console) if sys.stdout.isatty() else LineProgress(), INTERRUPT)


def _figures(figures: dict[str, float]) -> str:
    return ", ".join(
        f"{name} {value:.0f}" if value >= 100 else f"{name} {value:.4g}" for name, value in figures.items()
    )


def table_console() -> Console:
    """Where tables go: as wide as the terminal, or wide enough for every table elsewhere."""
    return Console(width=None if sys.stdout.isatty() else 140)
