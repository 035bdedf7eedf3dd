"""Trackers beside MLflow: what each of them is, and sending a run to one, of which nothing is sent twice."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from distil.framework.errors import DistilError, TrackingError, first_line
from distil.framework.locks import locked
from distil.framework.plugins import place_in_own_code
from distil.framework.recipe.sections import AnyTracker, Tracking, tracker_name
from distil.tracking.content import Line
from distil.tracking.ledger import CURSOR, DestinationCursor, Ledger, RunCursor, folder_of, ledger_of
from distil.tracking.sent import whole_of
from distil.tracking.shown import Part, Shown, shown_in

_LINES = 500  # of a history, between two notes of what has been sent


class Tracker(Protocol):
    """One place where a run is shown, open from its first piece to `close`. Any method may raise what the tracker's library raises. A class
    that is derived from it does nothing with what it does not take."""

    place: str
    """Where people look at it."""

    def begin(self, shown: Shown) -> None:
        """Take the recipe."""

    def lines(self, part: Part, lines: Sequence[Line]) -> None:
        """Take rows of a model's history, in its order, each once."""

    def figures(self, part: Part) -> None:
        """Take what a model came to; again when that has changed."""

    def table(self, shown: Shown) -> None:
        """Take the table of models, and whether it paid; again when they have changed."""

    def files(self, name: str, files: Iterable[Path]) -> None:
        """Keep files, or folders, under a name; again when they have changed."""

    def close(self, state: str) -> None:
        """Send what waits. state: of the run."""


Open = Callable[[Path, Tracking, str], Tracker]
"""Opens a tracker for a run's folder. The last argument is a key, which is the same whenever the same run is sent."""


def tensorboard(folder: Path, tracking: Tracking, key: str) -> Tracker:
    """Event files in the run's folder."""
    from distil.tracking.tensorboard import EventFiles

    return EventFiles(folder)


def wandb(folder: Path, tracking: Tracking, key: str) -> Tracker:
    """A run of Weights & Biases."""
    from distil.tracking.weights_and_biases import BiasesRun

    return BiasesRun(folder, tracking, key)


TRACKERS: Mapping[str, Open] = {"wandb": wandb, "tensorboard": tensorboard}


class Sending:
    """Sends a run to one of the further trackers, whenever it is asked to, until it is closed."""

    def __init__(self, to: AnyTracker, folder: Path, tracking: Tracking) -> None:
        """to: the tracker; folder: of the run. Nothing is opened yet."""
        self.name = tracker_name(to)
        self.ledger_path = folder / folder_of(to) / CURSOR
        self._to = to
        self._folder = folder
        self._tracking = tracking
        self._tracker: Tracker | None = None
        self._had = DestinationCursor()  # when it was opened
        self._state = "running"

    def send(self, final: bool) -> str:
        """Send what is new, with `final` also students' files, if `tracking` asks for them; returns the place.

        Raises:
            StoreError: the run's files are damaged.
            TrackingError: the tracker did not take it; what has been sent is noted.
        """
        with self._alone(), self._told():
            return self._send(final)

    def close(self) -> None:
        """End what was opened. Raises TrackingError; what was sent since then is to be sent again, as some of it may have waited for the end."""
        if self._tracker is None:
            return
        tracker, self._tracker = self._tracker, None
        with self._alone():
            try:
                with self._told():
                    tracker.close(self._state)
            except DistilError:
                ledger_of(self._folder, self._to).put_back(self._had)
                raise

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """In the context, no other process sends this run there. Raises TrackingError."""
        lock = self._folder / f".{folder_of(self._to)}.lock"
        try:
            with locked(lock, f"tracking of {self._folder} by {self.name}", 10):
                yield
        except TimeoutError as error:
            raise TrackingError(f"{error}; wait until it has ended") from None
        except OSError as error:  # of the lock
            raise TrackingError(f"tracking by {self.name} failed ({first_line(error)})") from error

    @contextmanager
    def _told(self) -> Iterator[None]:
        """In the context, what a tracker fails with becomes a TrackingError; of one of the user's own it names the line."""
        try:
            yield
        except (DistilError, KeyboardInterrupt):
            raise
        except BaseException as error:  # of which a tracker's library has many, asyncio's CancelledError among them
            if isinstance(self._to, str):
                raise TrackingError(f"tracking by {self.name} failed ({first_line(error)})") from error
            line = place_in_own_code(error, (type(self._to).__module__.partition(".")[0],))
            where = f" in {line}" if line else ""
            raise TrackingError(
                f"tracking by {self.name} failed{where} ({type(error).__name__}: {first_line(error)})"
            ) from error

    def _send(self, final: bool) -> str:
        whole = whole_of(self._folder, self._tracking) if final else None
        shown = shown_in(self._folder)
        self._state = shown.state
        ledger = ledger_of(self._folder, self._to)
        parent = ledger.cursor.parent
        ledger.save()  # the key, before anything is known by it
        if self._tracker is None:
            open_it: Open = TRACKERS[self._to] if isinstance(self._to, str) else self._to.open  # type: ignore[assignment]
            self._had = ledger.cursor.model_copy(deep=True)
            self._tracker = open_it(self._folder, self._tracking, parent.key)
        tracker = self._tracker
        _once(ledger, parent, "recipe", shown.recipe, lambda: tracker.begin(shown))
        for part in shown.parts:
            _send_part(tracker, ledger, part)
        _once(ledger, parent, "table", [shown.rows, shown.words], lambda: tracker.table(shown))
        if final:
            self._send_files(tracker, ledger, shown)
        ledger.cursor.whole = whole
        ledger.save()
        return tracker.place

    def _send_files(self, tracker: Tracker, ledger: Ledger, shown: Shown) -> None:
        parent = ledger.cursor.parent
        contents = [hashlib.blake2b(file.read_bytes(), digest_size=8).hexdigest() for file in shown.files]
        _once(ledger, parent, "files", contents, lambda: tracker.files(f"{shown.name}-results", shown.files))
        for part in shown.parts if self._tracking.log_models else ():
            if part.folder is not None and part.folder.is_dir():
                folder = part.folder
                _once(ledger, parent, part.key, True, lambda: tracker.files(f"{shown.name}-{part.name}", [folder]))  # noqa: B023


def _send_part(tracker: Tracker, ledger: Ledger, part: Part) -> None:
    cursor = ledger.cursor.models.setdefault(part.key, RunCursor())
    lines = list(part.curve(dict(cursor.history)))
    for start in range(0, len(lines), _LINES):
        batch = lines[start : start + _LINES]
        tracker.lines(part, batch)
        cursor.history.update({line.kind: line.step for line in batch})
        ledger.save()
    if part.figures:
        _once(ledger, cursor, "figures", dict(part.figures), lambda: tracker.figures(part))


def _once(ledger: Ledger, cursor: RunCursor, name: str, values: object, send: Callable[[], None]) -> None:
    """Send what is called `name`, unless it went out with the same values."""
    digest = hashlib.blake2b(json.dumps(values, sort_keys=True).encode(), digest_size=8).hexdigest()
    if cursor.artifacts.get(name) != digest:
        send()
        cursor.artifacts[name] = digest
        ledger.save()
