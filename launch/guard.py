"""Turning whatever goes wrong into one message and an exit code."""

import errno
import os
import sys
from collections.abc import Callable
from typing import TextIO

from distil.launch.interrupt import CTRL_C, INTERRUPT

FAILURE, USER = 1, 2
_MOST = 1500  # characters of a line: what a user gave may be long
_NO_PATH = (errno.ENAMETOOLONG, errno.ELOOP)
_OTHER_KIND = (errno.EISDIR, errno.ENOTDIR)
_NUL = "embedded null byte"  # Python's words, wherever a path is used
_STOPPED = "stopped; what is done is kept: run the same command again to go on"


def guarded(action: Callable[[], object]) -> int:
    """Run `action` and return an exit code: 2 for what the user can put right, 1 for failures, 128 + its number after a signal.

    With DISTIL_DEBUG set, an error that distil did not foresee is raised as it is.
    """
    from distil.framework.errors import DistilError, disk_is_full, first_line, is_out_of_memory
    from distil.framework.extras import missing

    try:
        _stopped_or(action)
    except SystemExit as error:
        if error.code == CTRL_C:  # typer makes this of a KeyboardInterrupt
            return _stopped()
        return error.code if isinstance(error.code, int) else 0 if error.code is None else FAILURE
    except KeyboardInterrupt:
        return _stopped()
    except DistilError as error:
        _say(str(error))
        return error.exit_code
    except BrokenPipeError:
        _forget(sys.stdout)
        return FAILURE
    except OSError as error:
        _say(_os_error(error))
        return USER if _not_allowed(error) or error.errno in _NO_PATH + _OTHER_KIND else FAILURE
    except Exception as error:
        if isinstance(error, ImportError) and (wanted := missing(error)):
            _say(str(wanted))
            return USER
        if disk_is_full(error):
            _say(_full_disk())
            return FAILURE
        if is_out_of_memory(error):
            _say(_no_memory(error))
            return FAILURE
        if isinstance(error, ValueError) and str(error) == _NUL:
            _say("the name of a file or folder holds NUL, which none can; take it out")
            return USER
        if os.environ.get("DISTIL_DEBUG"):
            raise
        from distil.framework.plugins import place_in_own_code

        if place := place_in_own_code(error):
            _say(
                f"{place} fails, which is no code of distil's: {type(error).__name__}: {first_line(error)}; mend it, and run "
                "the same command again: what is done is kept"
            )
            return USER
        _say(
            f"unexpected failure ({type(error).__name__}): {first_line(error)}; what is done is kept. Set DISTIL_DEBUG=1 to "
            "see where it comes from"
        )
        return FAILURE
    return 0


def _stopped_or(action: Callable[[], object]) -> None:
    """Run `action`; what it fails with after someone has asked to stop comes of that, whatever a library made of it."""
    try:
        action()
    except (Exception, SystemExit) as error:
        done = isinstance(error, SystemExit) and not error.code  # typer's way to end
        if INTERRUPT.asked and not done:
            raise KeyboardInterrupt from None
        raise


def _stopped() -> int:
    for stream, words in ((sys.stderr, f"distil: {_STOPPED}\n"), (sys.stdout, "")):
        try:
            stream.write(words)
            stream.flush()
        except OSError:  # SIGHUP: the terminal is gone
            _forget(stream)
    return INTERRUPT.exit_code


def _forget(stream: TextIO) -> None:
    """Nobody reads it any more, of which Python would complain on its way out."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _full_disk(place: str = "") -> str:
    return (
        f"the disk is full{place}; what is done is kept: free some space, or set `output` to another disk, and run "
        "the same command again"
    )


def _no_memory(error: Exception) -> str:
    whose = "the GPU is " if "cuda" in str(error).lower() else ""
    return (
        f"{whose}out of memory; set student.micro_batch (or teachers.NAME.fine_tune.micro_batch) lower, or windows.max_length; what is "
        "done is kept"
    )


def _os_error(error: OSError) -> str:
    from distil.framework.errors import disk_is_full, reason

    place = f": {error.filename}" if error.filename else ""
    if disk_is_full(error):
        return _full_disk(place)
    if _not_allowed(error):
        what = "a read-only disk" if error.errno == errno.EROFS else "no permission"
        return f"{what}{place}; set `output` to a folder that you may write to, or change its rights"
    if isinstance(error, IsADirectoryError | NotADirectoryError):
        return f"{reason(error)}{place}; name another file or folder"
    if error.errno in _NO_PATH:
        return f"{error.strerror}{place[:200]}; name another file or folder"
    return f"{error.strerror or error}{place}; what is done is kept: run the same command again to go on"


def _not_allowed(error: OSError) -> bool:
    return isinstance(error, PermissionError) or error.errno == errno.EROFS


def _say(message: str) -> None:
    lines = (line if len(line) <= _MOST else f"{line[:_MOST]}..." for line in message.splitlines() or [message])
    told = "\n".join(lines).encode("utf-8", "backslashreplace").decode()  # arguments may hold what is no text
    print(f"distil: {told}", file=sys.stderr)
