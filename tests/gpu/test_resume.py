"""A training that dies and goes on."""

from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from distil.framework.training.history import Report
from distil.framework.training.job import TrainingJob, TrainingSummary
from distil.framework.training.loop import train_in_process
from tests.gpu.reference import Reference, train, with_dropout


class Died(Exception):
    """Ends a training."""


@pytest.mark.parametrize(
    ("precision", "engine"),
    [
        ("fp32", {}),
        ("bf16", {}),
        ("bf16", {"cuda_graphs": True}),
        ("bf16", {"zero_stage": 1}),
        ("bf16", {"zero_stage": 3}),
    ],
)
def test_it_ends_where_one_that_was_left_alone_does(
    known: Reference, tmp_path: Path, precision: str, engine: dict[str, Any]
) -> None:
    job = with_dropout(known.trained["student"].job, tmp_path / "initial")
    options: dict[str, Any] = {**engine, "training": {"checkpoint_every": job.steps // 3}}

    def until_half(one: TrainingJob, report: Any) -> TrainingSummary:
        def hear(row: Report) -> None:
            report(row)
            if row.kind == "step" and row.step >= job.steps // 2:
                raise Died

        return train_in_process(one, hear)

    _, whole = train(job, tmp_path / "whole", precision, **options)
    _, again = train(job, tmp_path / "again", precision, **options)
    with pytest.raises(Died):
        train(job, tmp_path / "died", precision, until_half, **options)
    rows, resumed = train(job, tmp_path / "died", precision, **options)
    assert rows[0].kind == "resume"
    assert rows[0].step == job.steps // 3
    # Kernels that add up in any order let two equal trainings differ; stopping adds no more than that.
    assert _apart(whole, resumed) <= 4 * _apart(whole, again)


def _apart(one: Path, other: Path) -> float:
    a, b = (load_file(output / "model/model.safetensors") for output in (one, other))
    return max(float((a[name] - b[name]).abs().max()) for name in a)
