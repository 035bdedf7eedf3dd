"""^C that cannot get lost.

A signal becomes a KeyboardInterrupt wherever the main thread happens to be, and some libraries swallow every exception
there. So the wish to stop is also remembered, and looked at whenever work reports its progress.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from framework.progress import Progress, Task


class Interrupt:
    """Remembers ^C, and a polite kill, which means the same."""

    def __init__(self) -> None:
        self._asked = False

    def install(self) -> None:
        """Take over SIGINT and SIGTERM."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._remember)

    def check(self) -> None:
        """Raise KeyboardInterrupt if a stop was asked for. Other threads are left to the main one, which ends them."""
        if self._asked and threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt

    def _remember(self, number: int, frame: object) -> None:
        self._asked = True
        raise KeyboardInterrupt


class InterruptibleProgress:
    """A progress that looks at `interrupt` whenever something is reported to it."""

    def __init__(self, progress: Progress, interrupt: Interrupt) -> None:
        self._progress, self._interrupt = progress, interrupt

    @contextmanager
    def task(self, description: str, total: float, unit: str = "examples") -> Iterator[Task]:
        """As the progress within does it."""
        with self._progress.task(description, total, unit) as task:
            yield _InterruptibleTask(task, self._interrupt)

    def say(self, message: str) -> None:
        """As the progress within does it."""
        self._interrupt.check()
        self._progress.say(message)


class _InterruptibleTask:
    def __init__(self, task: Task, interrupt: Interrupt) -> None:
        self._task, self._interrupt = task, interrupt

    def advance(self, count: float = 1, **figures: float) -> None:
        """As the task within does it."""
        self._interrupt.check()
        self._task.advance(count, **figures)
