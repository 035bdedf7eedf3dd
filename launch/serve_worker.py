"""The one thread in which `distil serve` loads and runs models."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

_Result = TypeVar("_Result")
_LOOK_EVERY = 0.5  # seconds between two looks at whether the one who asked is still there


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

    async def run(self, job: Callable[[], _Result], gone: Callable[[], Awaitable[bool]]) -> _Result | None:
        """The result of `job`; None if whoever wants it is `gone` before its turn."""
        waiting = asyncio.wrap_future(self.submit(job))
        while not (await asyncio.wait([waiting], timeout=_LOOK_EVERY))[0]:
            if await gone():
                waiting.cancel()
                return None
        return waiting.result()

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
