"""^C stops a run even where a library swallows the exception."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress

import pytest

from distil.framework.errors import TrainingError
from distil.framework.progress import SILENT
from distil.launch import guard
from distil.launch.interrupt import Interrupt, InterruptibleProgress

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
TALKING = """
import sys, time
from distil.launch.guard import guarded
from distil.launch.interrupt import INTERRUPT

def talk():
    INTERRUPT.install()
    print("ready", flush=True)
    try:
        time.sleep(600)
    finally:
        print("putting away", flush=True)

sys.exit(guarded(talk))
"""


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    hook = sys.unraisablehook
    yield
    sys.unraisablehook = hook
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_swallowed_interrupt_comes_back_with_the_next_report(number: signal.Signals) -> None:
    interrupt = Interrupt()
    interrupt.install()
    progress = InterruptibleProgress(SILENT, interrupt)
    with progress.task("train", 3) as task:
        task.advance()
        progress.say("going on")
        with suppress(BaseException):
            signal.raise_signal(number)
        with pytest.raises(KeyboardInterrupt):
            task.advance()
    with pytest.raises(KeyboardInterrupt):
        progress.say("the next stage")
    assert interrupt.exit_code == 128 + number


def test_a_stop_within_a_finalizer_says_nothing_and_others_failures_there_do(capfd: pytest.CaptureFixture[str]) -> None:
    interrupt = Interrupt()
    interrupt.install()

    class Failing:
        def __init__(self, fail: Callable[[], object]) -> None:
            self.fail = fail

        def __del__(self) -> None:
            self.fail()

    Failing(lambda: 1 / 0)
    assert "ZeroDivisionError" in capfd.readouterr().err
    Failing(lambda: signal.raise_signal(signal.SIGTERM))
    assert capfd.readouterr().err == ""
    with pytest.raises(KeyboardInterrupt):
        InterruptibleProgress(SILENT, interrupt).say("going on")


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_that_comes_twice_at_once_is_one_and_ctrl_c_is_not(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt = Interrupt()
    interrupt.install()
    monkeypatch.setattr("distil.launch.interrupt._TWICE", 1e9)  # however long the machine takes in between
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)
    with pytest.raises(KeyboardInterrupt) if number == signal.SIGINT else nullcontext():
        signal.raise_signal(number)
    monkeypatch.setattr("distil.launch.interrupt._TWICE", 0.0)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)


@pytest.mark.parametrize("number", SIGNALS[1:])
def test_what_a_library_does_at_ctrl_c_is_done_at_the_others_too(number: signal.Signals) -> None:
    interrupt, heard = Interrupt(), []
    interrupt.install()
    signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)
    assert heard == [signal.SIGINT]
    assert interrupt.exit_code == 128 + number


@pytest.mark.parametrize("failure", [TrainingError("lost"), ImportError("half imported"), SystemExit(15)])
def test_what_fails_because_it_was_asked_to_stop_has_stopped(
    failure: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    interrupt = Interrupt()
    monkeypatch.setattr(guard, "INTERRUPT", interrupt)

    def stopped() -> None:
        with suppress(KeyboardInterrupt):
            interrupt.stop(signal.SIGTERM, None)
        raise failure

    assert guard.guarded(stopped) == 143
    assert capsys.readouterr().err.startswith("distil: stopped; what is done is kept")
    failure = SystemExit(0)  # all was done nevertheless
    assert guard.guarded(stopped) == 0


def test_the_signals_outlive_a_library_that_takes_them() -> None:
    interrupt = Interrupt()
    interrupt.install()
    with interrupt.kept():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)


def test_processes_begun_meanwhile_hear_nothing_that_is_sent_to_all() -> None:
    code = "import signal; print({signal.SIGHUP, signal.SIGTERM} <= signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    with Interrupt().kept():
        within = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    after = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (within.stdout, after.stdout) == ("True\n", "False\n")


def test_a_closed_terminal_ends_a_command_as_sighup_does() -> None:
    """Though nothing can be said there any more."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", TALKING])
    with os.fdopen(terminal, "rb") as shown:
        assert shown.readline() == b"ready\r\n"
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 129


@pytest.mark.parametrize("number", SIGNALS)
def test_a_command_that_has_hardly_begun_ends_without_a_traceback(number: signal.Signals) -> None:
    code = f"""
import signal, sys
from distil.launch.cli import main

def look(event, about):
    if event == "import" and about[0] == "typer":
        signal.raise_signal({number:d})

sys.addaudithook(look)
sys.argv = ["distil", "schema"]
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (128 + number, "distil: stopped\n")


def test_a_command_ends_at_once_when_all_has_been_put_away() -> None:
    code = """
import atexit, sys
from distil.launch.cli import main

class Loaded:
    def __del__(self):
        print("taken apart")

kept = Loaded()
sys.argv = ["distil", "report", "nowhere"]
try:
    main()
finally:
    atexit.register(print, "put away")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "put away\n")
    assert done.stderr.startswith("distil: no run at nowhere")
