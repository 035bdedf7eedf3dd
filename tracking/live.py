"""Tracking a run while it goes on, without ever standing in its way."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from distil.framework.errors import DistilError
from distil.framework.extras import command
from distil.framework.progress import SILENT, Progress
from distil.framework.recipe.sections import AnyTracker, Tracking
from distil.tracking.client import destination_of, is_tracked
from distil.tracking.ledger import CURSOR
from distil.tracking.mlflow_sync import results_file, sync
from distil.tracking.sender import SyncReport
from distil.tracking.tracker import Sending

MLFLOW: Literal["mlflow"] = "mlflow"
_PATIENCE = 20.0  # seconds for the next piece to get through
_STOPPED_SECONDS = 2.0  # for what is left to send when someone has asked to stop


def following(run_folder: Path, tracking: Tracking, progress: Progress = SILENT) -> AbstractContextManager[object]:
    """The context in which a run, or a search, goes on, and is tracked meanwhile: by MLflow, where `tracking` has it and it is installed, and by all
    others that `tracking` names, each in a thread of its own.

    Raises UserError where it cannot be tracked as the recipe or the environment says.
    """
    trackers: list[AnyTracker | Literal["mlflow"]] = list(tracking.also)
    if is_tracked(tracking):
        destination_of(tracking, run_folder.parent)  # a URI that cannot be right is refused before anything runs
        trackers.insert(0, MLFLOW)
    elif tracking.mlflow:
        progress.say(f"not tracked, as MLflow is not installed; to have it: {command('mlflow')}")
    return _followed([LiveSync(run_folder, tracking, progress, to=to) for to in trackers])


@contextmanager
def _followed(by: "Sequence[LiveSync]") -> Iterator[None]:
    with ExitStack() as stack:
        for one in by:
            stack.enter_context(one)
        yield


class LiveSync:
    """Calls `sync` in a thread every few seconds, and once more on leaving the context.

    Nothing that happens in MLflow, or another tracker, reaches the run. The first failure is said in one line; afterwards `error`
    holds what the last synchronisation failed with, or None, and `report` what it sent. Leaving the context
    waits as long as pieces are getting through, and at most `patience` seconds, by default 20, for the next one; where it is left because
    someone has asked to stop, at most two seconds, without models: the rest is sent when the run goes on.
    """

    def __init__(
        self,
        run_folder: Path,
        tracking: Tracking,
        progress: Progress = SILENT,
        every: float = 5.0,
        patience: float | None = None,
        to: AnyTracker | Literal["mlflow"] = MLFLOW,
    ) -> None:
        """Track the run in `run_folder`, `every` so many seconds. to: the tracker."""
        self.report: SyncReport | None = None
        self.error: Exception | None = None
        self._folder = run_folder
        self._tracking = tracking
        self._progress = progress
        self._every = every
        self._patience = _PATIENCE if patience is None else patience
        self._sending = None if to == MLFLOW else Sending(to, run_folder, tracking)
        self._said = False
        self._stopped = False
        self._leaving = threading.Event()
        # A daemon, so that the process can end while a server hangs.
        self._thread = threading.Thread(target=self._work, name="tracking", daemon=True)

    def __enter__(self) -> Self:
        """Start the thread."""
        if self._sending is None:
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
            by = "" if self._sending is None else f" by {self._sending.name}"
            self._fail(TimeoutError(f"tracking{by} got nothing through for {self._patience:.0f} seconds"))

    def _work(self) -> None:
        while not self._leaving.wait(self._every):
            self._attempt(final=False)
        self._attempt(final=not self._stopped)
        if self._sending is not None:
            try:
                self._sending.close()
            except Exception as error:
                self._fail(error)

    def _attempt(self, final: bool) -> None:
        if results_file(self._folder) is None:
            return
        try:
            place = self._send(final)
        except Exception as error:
            self._fail(error)
        else:
            self.error = None
            if final and self._said:
                self._progress.say(f"tracking at {place} has the whole run now")

    def _send(self, final: bool) -> str:
        if self._sending is not None:
            return self._sending.send(final)
        self.report = sync(self._folder, self._tracking, final)
        return self.report.uri

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
            ledger = self._folder / CURSOR if self._sending is None else self._sending.ledger_path
            return ledger.stat().st_mtime_ns
        except OSError:
            return 0
