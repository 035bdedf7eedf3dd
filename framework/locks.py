"""Locks between processes and machines. Whoever waits is told for whom, and nobody waits for an owner that is gone.

The system lets go of a lock when its owner dies, on local disks and on NFS alike, unless the owner's machine is lost with it.
So an owner signs a note beside its lock, again and again; one that has stopped signing on another machine is gone.
"""

import json
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from distil.framework.files import make_folder

PATIENCE = 2.0  # seconds before a wait is spoken of
SETTLED = 5.0  # seconds that a note has to stay as it is before it counts: a new owner may not have signed yet
SIGN_EVERY = 15.0
LOST_AFTER = 300.0  # seconds without a signature after which an owner on another machine is gone

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Owner:
    """Who holds a lock. machine: one kernel and its process numbers; started: when the process began, as this machine
    counts; since: when it got the lock, in seconds since the epoch; token: of this very lock."""

    pid: int
    host: str
    machine: str
    started: float
    since: float
    token: str

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        return f"process {self.pid} on {self.host}, at it since {since}"


@contextmanager
def locked(path: Path, what: str, seconds: float | None = None) -> Iterator[None]:
    """Hold the lock `path`. what: what it guards, for people.

    Waits for its owner, at most `seconds`, and says so after two; takes the lock over from an owner that is gone. Raises
    TimeoutError, which names the owner, and OSError where the file cannot be written.
    """
    lock = FileLock(path)
    _acquire(lock, path, what, seconds)
    try:
        with _signed(note_of(path)):
            yield
    finally:
        lock.release()


def deserted(path: Path) -> bool:
    """Whether the owner of the lock `path` has ended without letting go of it, as far as can be told without waiting."""
    note = note_of(path)
    owner = _read(note)
    if owner is None:
        return False
    if owner.machine == _machine():
        return not _runs(owner)
    with suppress(OSError):
        return time.time() - note.stat().st_mtime >= LOST_AFTER
    return False


def note_of(path: Path) -> Path:
    """Where the owner of the lock `path` signs."""
    return path.with_name(f"{path.name}.owner")


def _acquire(lock: FileLock, path: Path, what: str, seconds: float | None) -> None:
    watch, began = _Watch(note_of(path)), time.monotonic()
    spoken, told = False, None
    while True:
        waited = time.monotonic() - began
        left = PATIENCE - waited if waited < PATIENCE else 1.0
        try:
            lock.acquire(timeout=left if seconds is None else max(0.0, min(left, seconds - waited)))
            return
        except Timeout:
            owner = watch.look()
        if seconds is not None and time.monotonic() - began >= seconds:
            raise TimeoutError(f"{what} is in use by {owner or 'another process'}")
        if owner is not None and watch.is_gone(owner):
            _take_over(lock, path, owner, what)
        elif time.monotonic() - began >= PATIENCE and (not spoken or owner not in (None, told)):
            _LOG.warning("    waiting for %s: in use by %s", what, owner or "another process")
            spoken, told = True, owner


class _Watch:
    """Looks at a note from time to time."""

    def __init__(self, note: Path) -> None:
        self._note = note
        self._seen: tuple[Owner | None, int] = (None, 0)
        self._since = self._signed = time.monotonic()

    def look(self) -> Owner | None:
        """Who has signed."""
        owner, now = _read(self._note), time.monotonic()
        signed = 0
        with suppress(OSError):
            signed = self._note.stat().st_mtime_ns
        if owner != self._seen[0]:
            self._since = now
        if (owner, signed) != self._seen:
            self._signed = now
        self._seen = (owner, signed)
        return owner

    def is_gone(self, owner: Owner) -> bool:
        """Whether the owner that was seen last holds nothing any more, by this machine's own clock."""
        now = time.monotonic()
        if now - self._since < SETTLED:
            return False
        return not _runs(owner) if owner.machine == _machine() else now - self._signed >= LOST_AFTER


def _take_over(lock: FileLock, path: Path, owner: Owner, what: str) -> None:
    """Let the lock of an owner that is gone be a new one. Of several that try, one gets its note, and with it the right to."""
    note = note_of(path)
    aside = note.with_name(f".{note.name}.{uuid.uuid4().hex}.tmp")
    try:
        note.rename(aside)
    except FileNotFoundError:
        return
    if _read(aside) != owner:  # somebody else was quicker, and this is the note of the next owner
        aside.rename(note)
        return
    aside.unlink()
    try:
        lock.acquire(timeout=0)  # it may have been let go in the meantime, and then is nobody's
        lock.release()
    except Timeout:
        path.unlink(missing_ok=True)
    _LOG.warning("    %s is taken over: %s, is gone", what, owner)


@contextmanager
def _signed(note: Path) -> Iterator[None]:
    """Keep the note of a lock that is held signed."""
    owner = Owner(os.getpid(), socket.gethostname(), _machine(), _started(os.getpid()), time.time(), uuid.uuid4().hex)
    note.unlink(missing_ok=True)
    with suppress(OSError):  # on a full disk the lock holds without
        note.write_text(json.dumps(asdict(owner)), encoding="utf-8")
    over = threading.Event()

    def sign() -> None:
        while not over.wait(SIGN_EVERY):
            with suppress(OSError):
                if _read(note) == owner:
                    os.utime(note)

    threading.Thread(target=sign, name="lock", daemon=True).start()
    try:
        yield
    finally:
        over.set()
        if _read(note) == owner:
            note.unlink(missing_ok=True)


def _read(note: Path) -> Owner | None:
    try:
        return Owner(**json.loads(note.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _runs(owner: Owner) -> bool:
    """Whether the very process still runs on this machine; its number may be another's by now."""
    try:
        ended = psutil.Process(owner.pid).status() == psutil.STATUS_ZOMBIE
        return not ended and abs(_started(owner.pid) - owner.started) < 2
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def _started(pid: int) -> float:
    """When a process began, in seconds. On Linux since the machine's own start, as a clock that is set moves all times of day,
    those of processes that run as well."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return float(psutil.Process(pid).create_time())
    return int(fields[19]) / os.sysconf("SC_CLK_TCK")


@cache
def _machine() -> str:
    """What tells this machine from others of the same name, and its containers from each other: processes are numbered anew."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
    with suppress(OSError):
        parts.append(str(Path("/proc/self/ns/pid").stat().st_ino))
    return " ".join(parts)


_LOCK = ".run.lock"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Have the folder of a run or a search, which is made if need be, for this process alone. Raises OutputError."""
    make_folder(folder)
    with locked(folder / _LOCK, f"the run {folder}"):
        yield


def true_state(folder: Path, state: str) -> str:
    """How a run or a search stands of which the file in `folder` says `state`: `running` is what it says for ever once its
    process was killed, and then it counts as `failed`."""
    return "failed" if state == "running" and deserted(folder / _LOCK) else state
