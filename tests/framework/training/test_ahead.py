"""Batches are made by a thread, in order, and no more of them than are wanted soon."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch

from framework.data.batches import epoch_batches
from framework.errors import TrainingError
from framework.training.ahead import ahead, batches_from, on_device
from framework.training.job import TrainingJob
from tests.framework.training.students import job_of

CPU = torch.device("cpu")


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
        raise TrainingError("the teacher is gone")

    coming = ahead(made())
    assert [next(coming), next(coming)] == [1, 2]
    with pytest.raises(TrainingError, match="the teacher is gone"):
        next(coming)


def test_whoever_stops_has_no_more_made() -> None:
    begun: list[int] = []

    def made() -> Iterator[int]:
        for number in range(100):
            begun.append(number)
            yield number

    with closing(ahead(made())) as coming:
        assert [next(coming) for _ in range(3)] == [0, 1, 2]
    deadline = time.monotonic() + 5
    while any(thread.name.startswith("batches") for thread in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert 3 <= len(begun) <= 6


@dataclass(frozen=True)
class _Inner:
    numbers: torch.Tensor
    by_name: dict[Any, torch.Tensor]
    absent: torch.Tensor | None = None


def test_every_tensor_is_brought_to_the_device() -> None:
    value = {"a": _Inner(torch.ones(2), {2.0: torch.ones(3)}), "b": torch.ones(1)}
    moved = on_device(value, torch.device("meta"))
    assert [moved["a"].numbers.device, moved["a"].by_name[2.0].device, moved["b"].device] == [torch.device("meta")] * 3
    assert moved["a"].absent is None


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> TrainingJob:
    return job_of(tmp_path_factory.mktemp("job"))


def test_workers_share_out_every_batch_of_every_epoch(job: TrainingJob) -> None:
    lengths, size = job.objective.lengths, job.training.batch_size
    steps = 2 * -(-len(lengths) // size)
    shares = [list(batches_from(0, replace(job, steps=steps), rank, 2, 2, CPU)) for rank in range(2)]
    assert [len(share) for share in shares] == [2 * steps, 2 * steps]
    expected = [rows for epoch in range(2) for rows in epoch_batches(lengths, size, job.seed, epoch)]
    for number, rows in enumerate(expected):
        parts = [one for share in shares for one in share[2 * number : 2 * number + 2]]
        assert sorted(np.concatenate([one.rows for one in parts])) == sorted(rows)
        assert {one.size for one in parts} == {len(rows)}


def test_whoever_begins_later_gets_the_same(job: TrainingJob) -> None:
    whole, rest = (list(batches_from(step, job, 0, 1, 1, CPU)) for step in (0, 4))
    assert len(whole) == job.steps
    assert len(rest) == job.steps - 4
    for one, other in zip(whole[4:], rest, strict=True):
        assert one.rows.tolist() == other.rows.tolist()
        assert torch.equal(one.values.inputs["input_ids"], other.values.inputs["input_ids"])
        assert torch.equal(one.values.targets.position, other.values.targets.position)
