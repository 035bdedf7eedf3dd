"""^C, SIGTERM and SIGHUP that cannot get lost, and mean the same: stop, and leave nothing behind.

A signal becomes a KeyboardInterrupt wherever the main thread happens to be, and some libraries swallow every exception
there. So the wish to stop is also remembered, and looked at whenever work reports its progress.
"""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distil.framework.progress import Progress, Task

CTRL_C = 128 + signal.SIGINT  # the exit code
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_TWICE = 1.0  # seconds in which the same signal comes to the process and to its group, and not from an impatient user


class Interrupt:
    """Remembers that someone has asked to stop, and by which signal."""

    def __init__(self) -> None:
        self._asked: int | None = None
        self._since = 0.0

    @property
    def asked(self) -> bool:
        """Whether someone has asked to stop."""
        return self._asked is not None

    @property
    def exit_code(self) -> int:
        """What a command that was stopped ends with, as shells have it: 130 after ^C, 143 after SIGTERM, 129 after SIGHUP."""
        return 128 + (self._asked or signal.SIGINT)

    def install(self) -> None:
        """Take the signals over."""
        for number in _STOPPING:
            signal.signal(number, self.stop)
        sys.unraisablehook = self._swallowed

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep the signals while a library is begun that takes them for itself.

        Processes that are started meanwhile hear neither SIGHUP, which a closed terminal sends to all, nor SIGTERM, which
        `timeout`, systemd and Slurm do: they end with this one, once it has put everything away with their help.
        """
        ours = threading.current_thread() is threading.main_thread()
        before = {number: signal.getsignal(number) for number in _STOPPING}
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP, signal.SIGTERM})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            for number, handler in before.items():
                if ours:
                    signal.signal(number, handler)

    def check(self) -> None:
        """Raise KeyboardInterrupt if a stop was asked for. Other threads are left to the main one, which ends them."""
        if self.asked and threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt

    def _swallowed(self, what: "sys.UnraisableHookArgs") -> None:
        """Python itself has swallowed an exception, in a finalizer. Of a wish to stop, which is remembered, it says nothing."""
        if not (self.asked and isinstance(what.exc_value, KeyboardInterrupt)):
            sys.__unraisablehook__(what)

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Someone asks to stop, by this signal. Raises KeyboardInterrupt, but once where `timeout` sends it twice."""
        now = time.monotonic()
        twice = self._asked == number != signal.SIGINT and now - self._since < _TWICE
        self._asked, self._since = number, now
        if twice:
            return
        of_ctrl_c = signal.getsignal(signal.SIGINT)
        if number != signal.SIGINT and callable(of_ctrl_c) and of_ctrl_c != self.stop:
            of_ctrl_c(signal.SIGINT, frame)  # a library has taken ^C over for a while, and knows what is to be ended
        raise KeyboardInterrupt


INTERRUPT = Interrupt()  # of this process


class InterruptibleProgress:
    """A progress that looks at `interrupt` whenever something is reported to it."""

    def __init__(self, progress: "Progress", interrupt: Interrupt) -> None:
        self._progress, self._interrupt = progress, interrupt

    @contextmanager
    def task(self, description: str, total: float, unit: str = "examples") -> "Iterator[Task]":
        """As the progress within does it."""
        with self._progress.task(description, total, unit) as task:
            yield _InterruptibleTask(task, self._interrupt)

    def say(self, message: str) -> None:
        """As the progress within does it."""
        self._interrupt.check()
        self._progress.say(message)


class _InterruptibleTask:
    def __init__(self, task: "Task", interrupt: Interrupt) -> None:
        self._task, self._interrupt = task, interrupt

    def advance(self, count: float = 1, **figures: float) -> None:
        """As the task within does it."""
        self._interrupt.check()
        self._task.advance(count, **figures)
