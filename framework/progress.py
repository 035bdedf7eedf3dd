"""How long work reports itself. The framework only speaks to this protocol; the command line draws the bars."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Task(Protocol):
    """One piece of work under way."""

    def advance(self, count: float = 1, **figures: float) -> None:
        """Count `count` more units as done; `figures` (a loss, say) are shown beside the bar."""


class Progress(Protocol):
    """Where messages and bars go."""

    def task(self, description: str, total: float, unit: str = "examples") -> AbstractContextManager[Task]:
        """Open a task of `total` units; leaving the context ends it."""

    def say(self, message: str) -> None:
        """Print one line."""


class _SilentTask:
    def advance(self, count: float = 1, **figures: float) -> None:
        return None


class Silent:
    """A progress that shows nothing (the default of every function that takes one)."""

    @contextmanager
    def task(self, description: str, total: float, unit: str = "examples") -> Iterator[Task]:
        yield _SilentTask()

    def say(self, message: str) -> None:
        return None


SILENT = Silent()
