"""Losses on hidden states, beside a live teacher."""

from dataclasses import replace
from pathlib import Path

import pytest

from distil.framework.training.live import LiveDistillation
from tests.gpu.reference import Reference, check_losses, losses_of, train


@pytest.mark.parametrize(("precision", "stage"), [("fp32", 0), ("bf16", 0), ("bf16", 1), ("bf16", 3)])
def test_losses_on_hidden_states_are_those_of_the_cpu(
    known: Reference, tmp_path: Path, precision: str, stage: int
) -> None:
    student = known.trained["live"]
    objective = student.job.objective
    assert isinstance(objective, LiveDistillation)
    job = replace(student.job, objective=replace(objective, precision=precision))
    rows, _ = train(job, tmp_path, precision, zero_stage=stage)
    check_losses(losses_of(rows), student.losses, precision)
