"""Locks that name their owner and outlive none."""

import json
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from filelock import FileLock, Timeout
from pydantic import BaseModel

from distil.framework import locks
from distil.framework.locks import Owner, alone_in, deserted, locked, note_of, true_state
from distil.framework.outcome import read_outcome
from distil.framework.search.log import SEARCH
from tests.waiting import until

FORK = multiprocessing.get_context("fork")


def _hold(path: Path, connection: Connection) -> None:
    with locked(path, "the test"):
        connection.send("held")
        connection.recv()


@contextmanager
def held_elsewhere(path: Path) -> Iterator[tuple[int, Connection]]:
    """Another process that holds the lock until it is sent something."""
    here, there = FORK.Pipe()
    process = FORK.Process(target=_hold, args=(path, there), daemon=True)
    process.start()
    assert here.recv() == "held"
    assert process.pid is not None
    yield process.pid, here
    process.kill()
    process.join()


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What is said of locks; threads that earlier tests have left may say something else."""
    return [record.getMessage() for record in caplog.records if record.name == locks.__name__]


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "PATIENCE", 0.2)
    monkeypatch.setattr(locks, "SETTLED", 0.5)


def test_who_waits_is_told_for_whom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "one.lock"
    with held_elsewhere(path) as (pid, connection):
        told = pytest.raises(TimeoutError, match=f"the run is in use by process {pid} on .*, at it since 20")
        with told, locked(path, "the run", seconds=0.1):
            pass
        assert not said(caplog)
        handler = logging.Handler()
        monkeypatch.setattr(handler, "emit", lambda record: connection.send("end"))
        monkeypatch.setattr(locks._LOG, "handlers", [handler])
        with locked(path, "the run"):
            assert json.loads(note_of(path).read_text())["pid"] == os.getpid()
    (message,) = said(caplog)
    assert message.strip().startswith(f"waiting for the run: in use by process {pid} on ")
    assert not note_of(path).exists()


def test_the_lock_of_a_process_that_was_killed_is_free_at_once_and_its_note_misleads_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "one.lock"
    with held_elsewhere(path) as (pid, _):
        assert not deserted(path)
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert deserted(path)  # though nobody has asked how it ended
        os.waitpid(pid, 0)
        assert deserted(path)
        with locked(path, "the run", seconds=60):
            assert json.loads(note_of(path).read_text())["pid"] == os.getpid()
    assert not deserted(path)
    assert not said(caplog)


def test_the_lock_of_a_machine_that_has_stopped_signing_is_deserted(tmp_path: Path) -> None:
    path = tmp_path / "one.lock"
    with never_let_go(path, someone(machine="lost")):
        assert not deserted(path)
        os.utime(note_of(path), (time.time() - locks.LOST_AFTER,) * 2)
        assert deserted(path)


@contextmanager
def never_let_go(path: Path, owner: Owner) -> Iterator[None]:
    """A lock that the system still holds for an owner, as a file server does for a machine that is lost."""
    lock = FileLock(path)
    with lock:
        note_of(path).write_text(json.dumps(asdict(owner)))
        yield


def someone(**changes: object) -> Owner:
    owner = Owner(os.getpid(), "elsewhere", locks._machine(), locks._started(os.getpid()), time.time(), "token")
    return replace(owner, **changes)  # type: ignore[arg-type]


def test_locks_of_the_dead_are_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    monkeypatch.setattr(locks, "LOST_AFTER", 0.7)
    for number, owner in enumerate(
        [someone(pid=ended.pid), someone(started=locks._started(os.getpid()) - 60), someone(machine="lost")]
    ):
        path = tmp_path / f"{number}.lock"
        with never_let_go(path, owner), locked(path, "the run", seconds=60):
            pass
    assert sum("the run is taken over: process" in message for message in said(caplog)) == 3
    assert not list(tmp_path.glob(".*.tmp"))


def test_locks_of_the_living_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "SETTLED", 0.0)
    path = tmp_path / "here.lock"
    told = pytest.raises(TimeoutError, match="in use by process")
    with never_let_go(path, someone()), told, locked(path, "the run", seconds=0.3):
        pass

    # One of another machine signs again and again.
    monkeypatch.setattr(locks, "SIGN_EVERY", 0.01)
    path = tmp_path / "there.lock"
    with held_elsewhere(path):
        signed = note_of(path).stat().st_mtime_ns
        until(lambda: note_of(path).stat().st_mtime_ns != signed)


def test_who_has_signed_is_not_gone_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note, owner, now = tmp_path / "note", someone(machine="another"), 0.0
    monkeypatch.setattr(locks, "time", SimpleNamespace(monotonic=lambda: now))
    note.write_text(json.dumps(asdict(owner)))
    watch = locks._Watch(note)
    for hour in range(1, 4):
        os.utime(note, (hour, hour))
        now += locks.LOST_AFTER + 1
        assert watch.look() == owner
        assert not watch.is_gone(owner)
    now += locks.LOST_AFTER - 1
    assert watch.look() == owner
    assert not watch.is_gone(owner)
    now += 1
    assert watch.is_gone(owner)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system notes the time of day")
def test_a_clock_that_is_set_lets_nobody_seem_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    owner = someone()
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: 1.0)  # as reckoned by a clock that was set back by decades
    assert psutil.Process().create_time() < 1e9
    assert locks._runs(owner)


def test_of_two_that_take_a_lock_over_the_second_leaves_it_to_the_first(tmp_path: Path) -> None:
    path, gone = tmp_path / "one.lock", someone(token="gone")
    new = someone(token="new")
    with never_let_go(path, new):
        waiting = FileLock(path, is_singleton=False)
        locks._take_over(waiting, path, gone, "the run")
        assert locks._read(note_of(path)) == new
        with pytest.raises(Timeout):
            FileLock(path, is_singleton=False).acquire(timeout=0)


def test_a_full_disk_costs_the_note_and_not_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "one.lock"
    note_of(path).write_text("of an owner before")

    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with locked(path, "the run"):
        assert not note_of(path).exists()
        with pytest.raises(Timeout):
            FileLock(path, is_singleton=False).acquire(timeout=0)
    assert logging.getLogger("distil.framework.locks").isEnabledFor(logging.WARNING)


RESULTS = "results.json"


class Anything(BaseModel):
    """No shape at all."""


def test_a_run_whose_process_is_gone_has_failed(tmp_path: Path) -> None:
    assert true_state(tmp_path, "running") == "running"  # of another version, perhaps: nothing is known
    with alone_in(tmp_path):
        assert true_state(tmp_path, "running") == "running"
    code = "import os, sys; from pathlib import Path; from distil.framework.locks import alone_in\nwith alone_in(Path(sys.argv[1])): os._exit(7)"
    assert subprocess.run([sys.executable, "-c", code, os.fspath(tmp_path)]).returncode == 7
    assert true_state(tmp_path, "running") == "failed"
    assert true_state(tmp_path, "finished") == "finished"

    for name in (RESULTS, SEARCH):
        (tmp_path / name).write_text(json.dumps({"format": 1, "state": "running"}))
        assert read_outcome(tmp_path / name, Anything, "")["state"] == "failed"
