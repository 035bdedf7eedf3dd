"""Where `distil` begins. Nothing heavy is imported before signals are looked after."""

import os
import signal
import sys
from types import FrameType


def main() -> None:
    """Run the command line: exit code 2 for what the user can put right, 1 for failures, never a traceback."""
    _leave_when_asked()
    from launch.commands import app
    from launch.guard import guarded
    from launch.interrupt import INTERRUPT

    def run() -> None:
        INTERRUPT.install()
        app(prog_name="distil")

    code = guarded(run)
    _leave_when_asked()
    sys.exit(code)


def _leave_when_asked() -> None:
    """End at once when a signal comes: nothing has been begun, or all has been put away."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)


def _leave(number: int, frame: FrameType | None) -> None:
    os.write(2, b"distil: stopped\n")
    os._exit(128 + number)


if __name__ == "__main__":
    main()
