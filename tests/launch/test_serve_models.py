"""Jobs wait for each other, and those that nobody waits for are left out."""

import asyncio
import threading

import pytest

from distil.launch.serve_models import Worker


async def here() -> bool:
    return False


async def left() -> bool:
    return True


def test_jobs_are_done_one_after_another_in_one_thread() -> None:
    worker = Worker()
    done: list[tuple[int, str]] = []
    jobs = [worker.submit(lambda n=n: done.append((n, threading.current_thread().name))) for n in range(5)]
    for job in jobs:
        job.result()
    assert done == [(n, "models") for n in range(5)]


def test_an_error_reaches_who_asked_and_ends_nothing() -> None:
    worker = Worker()
    with pytest.raises(ZeroDivisionError):
        asyncio.run(worker.run(lambda: 1 / 0, here))
    assert asyncio.run(worker.run(lambda: 1, here)) == 1


def test_a_job_is_left_out_whose_asker_has_gone_before_its_turn() -> None:
    worker = Worker()
    first_may_end = threading.Event()
    first = worker.submit(first_may_end.wait)
    done: list[str] = []
    assert asyncio.run(worker.run(lambda: done.append("nobody waits"), left)) is None
    first_may_end.set()
    assert first.result()
    worker.submit(lambda: None).result()
    assert done == []
