"""The micro-batches of a training, as its steps want them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from distil.framework.data.batches import epoch_batches
from distil.framework.training.job import TrainingJob
from distil.framework.training.micro_batches import batches_from
from tests.framework.training.students import job_of

CPU = torch.device("cpu")


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
