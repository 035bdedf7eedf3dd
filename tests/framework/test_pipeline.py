"""Values are made ahead by one thread and seen to by another, in order, and no more of them than are wanted soon."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from distil.framework.errors import StoreError, TrainingError
from distil.framework.pipeline import ahead, behind
from tests.waiting import until


def test_values_come_in_order_from_another_thread() -> None:
    def made() -> Iterator[tuple[int, int]]:
        for number in range(20):
            yield number, threading.get_ident()

    numbers, threads = zip(*ahead(made()), strict=True)
    assert numbers == tuple(range(20))
    assert len(set(threads) - {threading.get_ident()}) == 1
    assert list(ahead(iter([]))) == []


def test_an_error_comes_in_its_turn() -> None:
    def made() -> Iterator[int]:
        yield from (1, 2)
        raise TrainingError("the tokenizer is gone")

    coming = ahead(made())
    assert [next(coming), next(coming)] == [1, 2]
    with pytest.raises(TrainingError, match="the tokenizer is gone"):
        next(coming)


def test_whoever_stops_has_no_more_made() -> None:
    begun: list[int] = []

    def made() -> Iterator[int]:
        for number in range(100):
            begun.append(number)
            yield number

    before = set(threading.enumerate())  # others may have left threads that wait
    with closing(ahead(made())) as coming:
        assert [next(coming) for _ in range(3)] == [0, 1, 2]
    until(lambda: not any(thread.name.startswith("ahead") for thread in set(threading.enumerate()) - before))
    assert 3 <= len(begun) <= 6


def test_what_is_made_is_seen_to_in_order_by_another_thread_while_the_next_is_made() -> None:
    """Without that thread, the third value would never be made."""
    begun, threads = [threading.Event() for _ in range(9)], set()

    def made() -> Iterator[int]:
        for number in range(8):
            begun[number].set()
            yield number

    def see_to(number: int) -> int:
        threads.add(threading.get_ident())
        assert number == 7 or begun[number + 1].wait(60)
        return 10 * number

    assert list(behind(made(), see_to)) == [10 * number for number in range(8)]
    assert len(threads - {threading.get_ident()}) == 1
    assert list(behind(iter([]), see_to)) == []


def test_no_more_than_one_waits_to_be_seen_to() -> None:
    done, waiting = [], []

    def made() -> Iterator[int]:
        for number in range(6):
            waiting.append(number - len(done))
            yield number

    list(behind(made(), lambda number: (time.sleep(0.01), done.append(number))))
    assert max(waiting) <= 1


def test_what_was_made_is_seen_to_whatever_ends_it() -> None:
    def made(error: BaseException) -> Iterator[int]:
        yield from (1, 2, 3)
        raise error

    for error in (KeyboardInterrupt(), TrainingError("the model is gone")):
        done: list[int] = []
        with pytest.raises(type(error)):
            list(behind(made(error), done.append))
        assert done == [1, 2, 3]
    stopped: list[int] = []
    with closing(behind(iter([1, 2, 3]), stopped.append)) as coming:
        next(coming)
    assert stopped in ([1, 2], [1, 2, 3])


def test_an_error_in_seeing_to_a_value_comes_out_as_itself_and_no_more_is_made() -> None:
    made = []

    def values() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    def see_to(number: int) -> int:
        if number == 2:
            raise StoreError("the disk is full")
        return number

    found: list[int] = []
    with pytest.raises(StoreError, match="the disk is full"):
        found.extend(behind(values(), see_to))
    assert found == [0, 1]
    assert len(made) <= 5
