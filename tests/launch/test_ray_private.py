"""Ray's processes end with the command that began them."""

import signal
import subprocess

import psutil

from distil.launch.ray_private import _end

DEAF = "trap '' TERM HUP; sleep 1000 & echo begun; wait"


def test_a_process_that_does_not_hear_sigterm_ends_with_those_below_it() -> None:
    with subprocess.Popen(["bash", "-c", DEAF], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.terminate()
        (below,) = psutil.Process(process.pid).children()
        _end(process)
        assert process.wait(60) == -signal.SIGKILL
        psutil.wait_procs([below], timeout=60)
        assert not below.is_running() or below.status() == psutil.STATUS_ZOMBIE
        _end(process)  # of which nothing is left
