"""Tracking a run while it goes on, without ever standing in its way."""

import threading
import time
from contextlib import AbstractContextManager, nullcontext, suppress
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Self

from distil.framework.errors import DistilError
from distil.framework.extras import command
from distil.framework.progress import SILENT, Progress
from distil.framework.recipe.sections import Tracking
from distil.tracking.client import destination_of, is_tracked
from distil.tracking.mlflow_sync import results_file, sync
from distil.tracking.sender import CURSOR, SyncReport


def following(run_folder: Path, tracking: Tracking, progress: Progress) -> AbstractContextManager[object]:
    """The context in which a run, or a search, goes on, and is tracked meanwhile where MLflow is installed.

    Raises UserError where it cannot be tracked as the recipe or the environment says.
    """
    if not is_tracked(tracking):
        progress.say(f"not tracked, as MLflow is not installed; to have it: {command('mlflow')}")
        return nullcontext()
    destination_of(tracking, run_folder.parent)  # a URI that cannot be right is refused before anything runs
    return LiveSync(run_folder, tracking, progress)


_STOPPED_SECONDS = 2.0  # for what is left to send when someone has asked to stop


class LiveSync:
    """Calls `sync` in a thread every few seconds, and once more on leaving the context.

    Nothing that happens in MLflow reaches the run. The first failure is said in one line; afterwards `error`
    holds what the last synchronisation failed with, or None, and `report` what it sent. Leaving the context
    waits as long as pieces are getting through, and at most `patience` seconds for the next one; where it is left because
    someone has asked to stop, at most two seconds, without models: the rest is sent when the run goes on.
    """

    def __init__(
        self,
        run_folder: Path,
        tracking: Tracking,
        progress: Progress = SILENT,
        every: float = 5.0,
        patience: float = 20.0,
    ) -> None:
        """Track the run in `run_folder`, `every` so many seconds."""
        self.report: SyncReport | None = None
        self.error: Exception | None = None
        self._folder = run_folder
        self._tracking = tracking
        self._progress = progress
        self._every = every
        self._patience = patience
        self._said = False
        self._stopped = False
        self._leaving = threading.Event()
        # A daemon, so that the process can end while a server hangs.
        self._thread = threading.Thread(target=self._work, name="tracking", daemon=True)

    def __enter__(self) -> Self:
        """Start the thread."""
        # DeepSpeed imports MLflow as well, and two threads that do so at the same time can end in a deadlock.
        with suppress(Exception):  # the thread will say what is wrong
            import_module("mlflow.client")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Send what is left, and wait for it as long as it moves."""
        self._stopped = kind is not None and issubclass(kind, KeyboardInterrupt)
        self._leaving.set()
        if self._stopped:
            self._thread.join(_STOPPED_SECONDS)
            return
        moved, seen = time.monotonic(), self._cursor_time()
        while self._thread.is_alive() and time.monotonic() - moved < self._patience:
            self._thread.join(0.1)
            if (now := self._cursor_time()) != seen:
                moved, seen = time.monotonic(), now
        if self._thread.is_alive():
            self._fail(TimeoutError(f"tracking got nothing through for {self._patience:.0f} seconds"))

    def _work(self) -> None:
        while not self._leaving.wait(self._every):
            self._attempt(final=False)
        self._attempt(final=not self._stopped)

    def _attempt(self, final: bool) -> None:
        if results_file(self._folder) is None:
            return
        try:
            self.report = sync(self._folder, self._tracking, final)
        except Exception as error:
            self._fail(error)
        else:
            self.error = None
            if final and self._said:
                self._progress.say(f"tracking at {self.report.uri} has the whole run now")

    def _fail(self, error: Exception) -> None:
        self.error = error
        if not self._said:
            self._said = True
            known = isinstance(error, DistilError | TimeoutError)
            reason = str(error) if known else f"tracking failed ({error!r})"
            self._progress.say(
                f"{reason}; the run goes on, results are on disk; send them later with `distil track {self._folder}`"
            )

    def _cursor_time(self) -> int:
        try:
            return (self._folder / CURSOR).stat().st_mtime_ns
        except OSError:
            return 0
