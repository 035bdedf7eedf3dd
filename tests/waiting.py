"""Waiting for what other threads and processes do: for the thing itself, and never for a time that is long enough on a quick machine."""

import time
from collections.abc import Callable
from typing import TypeVar

_Found = TypeVar("_Found")


def until(found: Callable[[], _Found], seconds: float = 120) -> _Found:
    """The first thing found that counts as true. Fails after so many seconds, which on a machine that works are never over."""
    end = time.monotonic() + seconds
    while not (one := found()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return one


def gone(found: Callable[[], _Found], seconds: float = 120) -> _Found:
    """What is still found once there has been time for all of it to go, as Ray takes a while to notice the end of a process."""
    end = time.monotonic() + seconds
    while (left := found()) and time.monotonic() < end:
        time.sleep(0.1)
    return left
