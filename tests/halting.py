"""Commands that halt at lines that they print, so that whoever watches them is never too late, however busy the machine is."""

import builtins
import os
import re
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from tests.forked import Command, run_distil
from tests.waiting import until


def start_halting(pattern: str, *arguments: str | Path, environment: Mapping[str, str] | None = None) -> Command:
    """Start a command of distil that halts as soon as it has printed a line that begins as `pattern` has it; once at each such beginning."""
    given = dict(os.environ if environment is None else environment)
    return Command(_halting, (pattern, [str(one) for one in arguments]), given)


def halted(process: Command) -> bool:
    """Whether it has halted. What it has begun, as Ray's processes, goes on."""
    return psutil.Process(process.pid).status() == psutil.STATUS_STOPPED


def go_on(process: Command) -> None:
    """Let it go on that has printed such a line."""
    until(lambda: halted(process))
    process.send_signal(signal.SIGCONT)


def end(process: Command, number: int) -> None:
    """End it by a signal, whether it has halted, is about to, or goes on."""
    process.send_signal(number)
    until(lambda: process.poll() is not None or process.send_signal(signal.SIGCONT))


def _halting(pattern: str, arguments: list[str]) -> None:
    print_as_usual, seen = builtins.print, set()

    def printed(*words: Any, **options: Any) -> None:
        print_as_usual(*words, **options)
        begins = re.match(pattern, str(words[0])) if words else None
        if begins and begins.group() not in seen:
            seen.add(begins.group())
            os.kill(os.getpid(), signal.SIGSTOP)

    builtins.print = printed
    run_distil(arguments)
