"""A student's training in every arithmetic, backend and ZeRO stage, against the CPU's."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.gpu.reference import Reference, check_losses, losses_of, train, with_dropout

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


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_passes_that_were_recorded_train_as_the_cpus(known: Reference, tmp_path: Path, precision: str) -> None:
    if precision == "fp16" and not torch.cuda.is_available():
        pytest.skip("fp16 takes a GPU")
    student = known.trained["student"]
    rows, _ = train(student.job, tmp_path, precision, cuda_graphs=True)
    check_losses(losses_of(rows), student.losses, precision)


def test_passes_that_were_recorded_drop_out_the_units_that_others_do(known: Reference, tmp_path: Path) -> None:
    """Random numbers of a recording go on from those before it, and are other ones each time."""
    job = with_dropout(known.trained["student"].job, tmp_path / "initial")
    plain, _ = train(job, tmp_path / "plain", "fp32")
    recorded, _ = train(job, tmp_path / "recorded", "fp32", cuda_graphs=True)
    check_losses(losses_of(recorded), losses_of(plain), "fp32")


@pytest.mark.parametrize("compiled", [False, True])
def test_a_training_whose_passes_were_recorded_launches_less(known: Reference, tmp_path: Path, compiled: bool) -> None:
    """Layers that are compiled can be recorded, too."""
    if not torch.cuda.is_available():
        pytest.skip("a CPU launches nothing")
    student = known.trained["student"]
    launches = {}
    for graphs in (False, True):
        folder = tmp_path / str(graphs)
        with torch.profiler.profile() as profiler:
            rows, _ = train(student.job, folder, "fp32", cuda_graphs=graphs, compile=compiled and graphs)
        launches[graphs] = sum(one.count for one in profiler.key_averages() if "Launch" in one.key)
        check_losses(losses_of(rows), student.losses, "fp32")
    assert launches[True] < launches[False]
