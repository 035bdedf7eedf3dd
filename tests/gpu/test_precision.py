"""A student's training in every arithmetic, backend and ZeRO stage, against the CPU's."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.gpu.reference import Reference, check_losses, losses_of, train

WAYS = [
    ("fp32", 0, "torch"),
    ("bf16", 0, "torch"),
    ("fp16", 0, "torch"),
    ("fp32", 0, "deepspeed"),
    ("bf16", 0, "deepspeed"),
    *((precision, stage, "deepspeed") for stage in (1, 2, 3) for precision in ("fp32", "bf16", "fp16")),
]


@pytest.mark.parametrize(("precision", "stage", "backend"), WAYS)
def test_losses_are_those_of_the_cpu_and_saved_weights_are_not_rounded(
    known: Reference, tmp_path: Path, precision: str, stage: int, backend: str
) -> None:
    if precision == "fp16" and not torch.cuda.is_available():
        pytest.skip("fp16 takes a GPU")
    student = known.trained["student"]
    rows, output = train(student.job, tmp_path, precision, zero_stage=stage, backend=backend)
    check_losses(losses_of(rows), student.losses, precision)
    weights = torch.cat([one.flatten() for one in load_file(output / "model/model.safetensors").values()])
    assert weights.dtype == torch.float32
    for half in (torch.bfloat16, torch.float16):
        assert (weights == weights.to(half).float()).float().mean() < 0.2  # zeros and ones are


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_layers_that_see_texts_alone_train_as_the_cpus(known: Reference, tmp_path: Path, precision: str) -> None:
    student = known.trained["student"]
    rows, _ = train(student.job, tmp_path, precision, training={"packing": True})
    check_losses(losses_of(rows), student.losses, precision)
