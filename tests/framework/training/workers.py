"""Trainings in two processes, which train as one."""

import os
import pickle
from typing import Any

import torch

from distil.framework.training.history import Report
from distil.framework.training.job import TrainingJob
from distil.framework.training.loop import train
from tests.forked import SERVER
from tests.listening import reserved_port


def by_two_workers(jobs: list[TrainingJob]) -> list[list[float]]:
    """The losses of trainings, one after the other, in two processes."""
    pickled = pickle.dumps(jobs)
    assert len(pickled) < 200_000 * len(jobs), "no model travels with a job"
    reports = SERVER.Queue()
    with reserved_port() as port:
        workers = [SERVER.Process(target=_work, args=(pickled, rank, port, reports)) for rank in range(2)]
        for worker in workers:
            worker.start()
        found: list[list[float]] = reports.get(timeout=300)
        for worker in workers:
            worker.join(timeout=120)
            assert worker.exitcode == 0
    return found


def _work(pickled: bytes, rank: int, port: int, reports: Any) -> None:
    """What each of two workers does."""
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), LOCAL_RANK=str(rank), OMP_NUM_THREADS="1")
    torch.set_num_threads(1)
    losses = []
    for job in pickle.loads(pickled):
        rows: list[Report] = []
        train(job, rank, 2, rows.append)
        losses.append([row.metrics["loss"] for row in rows if row.kind == "step"])
    if rank == 0:
        reports.put(losses)
