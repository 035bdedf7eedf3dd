"""Work beside the main thread: values that are made ahead of their use, and those that are seen to behind it."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_AHEAD = 2  # values: one that is ready, and one that is being made
_BEHIND = 1  # values that are being seen to, or wait for that, while the next one is made
_Value = TypeVar("_Value")
_Result = TypeVar("_Result")


def ahead(values: Iterator[_Value]) -> Generator[_Value]:
    """The values, none of them None, in their order, from a thread that is a few ahead. Raises, in its turn, what making one raises."""
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead")
    coming = deque(thread.submit(next, values, None) for _ in range(_AHEAD))
    try:
        while (value := coming.popleft().result()) is not None:
            coming.append(thread.submit(next, values, None))
            yield value
    finally:
        thread.shutdown(wait=False, cancel_futures=True)


def behind(values: Iterable[_Value], see_to: Callable[[_Value], _Result]) -> Generator[_Result]:
    """What `see_to` makes of the values, in their order, in a thread, while this one makes the next value.

    Whatever ends it, values that were made are seen to. Raises, in its turn, what `see_to` raises.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="behind") as thread:
        coming: deque[Future[_Result]] = deque()
        for value in values:
            coming.append(thread.submit(see_to, value))
            while len(coming) > _BEHIND:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()
