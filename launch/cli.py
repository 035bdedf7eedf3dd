"""Where `distil` begins. Nothing heavy is imported before signals are looked after."""

import atexit
import os
import signal
import sys
from types import FrameType

_codes: list[int] = []  # what the command ends with


def main() -> None:
    """Run the command line: exit code 2 for what the user can put right, 1 for failures, never a traceback."""
    _leave_when_asked()
    atexit.register(_end)  # before all others, and so called after them
    from distil.launch.quiet import collect_seldom

    collect_seldom()
    from distil.launch.commands import app
    from distil.launch.guard import guarded
    from distil.launch.interrupt import INTERRUPT

    def run() -> None:
        INTERRUPT.install()
        app(prog_name="distil")

    _codes.append(guarded(run))
    _leave_when_asked()
    sys.exit(_codes[-1])


def _end() -> None:
    """End without having Python take itself apart, which with all that is imported takes seconds."""
    code = _codes[-1] if _codes else 1  # an error that is raised as it is
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # nobody reads it any more, or its disk is full
            code = code or 1
    os._exit(code)


def _leave_when_asked() -> None:
    """End at once when a signal comes: nothing has been begun, or all has been put away."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)


def _leave(number: int, frame: FrameType | None) -> None:
    os.write(2, b"distil: stopped\n")
    os._exit(128 + number)


if __name__ == "__main__":
    main()
