"""A thread that asks models, one question after another, for those who wait for what they say."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

_Result = TypeVar("_Result")
_LOOK_EVERY = 0.5  # seconds between two looks at whether the one who asked is still there


class Gone(Exception):
    """Nobody waits for an answer any more."""


class Worker:
    """Does jobs one after another, in the order in which they come. It keeps no process from ending."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        threading.Thread(target=self._work, name="models", daemon=True).start()

    def submit(self, job: Callable[[], _Result]) -> "Future[_Result]":
        """Do `job` after those that wait already; one that is cancelled before its turn is left out."""
        future: Future[_Result] = Future()
        self._jobs.put((future, job))
        return future

    async def stream(
        self, job: Callable[[], Iterator[_Result]], gone: Callable[[], Awaitable[bool]]
    ) -> AsyncIterator[_Result]:
        """What `job` gives, one after the other, as it comes. It goes no further than whoever wants it does. Raises Gone once they are
        `gone`."""
        loop, found, left = asyncio.get_running_loop(), asyncio.Queue[_Result | None](), threading.Event()

        def work() -> None:
            for one in job():
                if left.is_set():
                    return
                loop.call_soon_threadsafe(found.put_nowait, one)

        working = asyncio.wrap_future(self.submit(work))
        working.add_done_callback(lambda _: found.put_nowait(None))
        look = loop.time() + _LOOK_EVERY
        try:
            while True:
                try:
                    one = await asyncio.wait_for(found.get(), _LOOK_EVERY)
                except TimeoutError:
                    pass
                else:
                    if one is None:
                        break
                    yield one
                if loop.time() > look:
                    look = loop.time() + _LOOK_EVERY
                    if await gone():
                        raise Gone
            working.result()  # or what went wrong
        finally:
            left.set()
            working.cancel()

    def _work(self) -> None:
        while True:
            future, job = self._jobs.get()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = job()
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)
