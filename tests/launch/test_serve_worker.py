"""Jobs wait for each other, and go no further than those do who wait for what they give."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

from distil.launch.serve_worker import Gone, Worker


async def here() -> bool:
    return False


async def left() -> bool:
    return True


async def listed(found: AsyncIterator[int]) -> list[int]:
    return [one async for one in found]


def test_jobs_are_done_one_after_another_in_one_thread() -> None:
    worker = Worker()
    done: list[tuple[int, str]] = []
    jobs = [worker.submit(lambda n=n: done.append((n, threading.current_thread().name))) for n in range(5)]
    for job in jobs:
        job.result()
    assert done == [(n, "models") for n in range(5)]


def test_an_error_reaches_who_asked_after_what_was_there_and_ends_nothing() -> None:
    worker = Worker()
    seen: list[int] = []

    def fails() -> Iterator[int]:
        yield 1
        raise ZeroDivisionError

    async def look() -> None:
        async for one in worker.stream(fails, here):
            seen.append(one)

    with pytest.raises(ZeroDivisionError):
        asyncio.run(look())
    assert seen == [1]
    assert asyncio.run(listed(worker.stream(lambda: iter(range(3)), here))) == [0, 1, 2]


def test_a_job_is_left_out_whose_asker_has_gone_before_its_turn() -> None:
    worker = Worker()
    first_may_end = threading.Event()
    first = worker.submit(first_may_end.wait)
    done: list[str] = []

    def nobody_waits() -> Iterator[int]:
        done.append("nobody waits")
        yield 1

    with pytest.raises(Gone):
        asyncio.run(listed(worker.stream(nobody_waits, left)))
    first_may_end.set()
    assert first.result()
    worker.submit(lambda: None).result()
    assert done == []


def test_a_job_ends_where_nobody_takes_what_it_gives() -> None:
    worker = Worker()
    given: list[int] = []
    taken = threading.Event()

    def endless() -> Iterator[int]:
        for number in range(1_000_000_000):
            given.append(number)
            yield number
            if number:
                taken.wait()

    async def take_two() -> list[int]:
        found = worker.stream(endless, here)
        two = [await anext(found), await anext(found)]
        await found.aclose()  # type: ignore[attr-defined]
        taken.set()
        return two

    assert asyncio.run(take_two()) == [0, 1]
    worker.submit(lambda: None).result()
    assert len(given) <= 3
