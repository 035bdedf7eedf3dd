"""The loop over real engines: backends, ZeRO stages, precisions, accumulation, exact resumption."""

import gc
import json
import sys
import types
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional
from torch.nn.modules.module import register_module_forward_hook

from distil.framework.device import resolve_precision
from distil.framework.errors import RecipeError, TrainingError, UserError
from distil.framework.extras import MissingPackageError
from distil.framework.losses.base import Target
from distil.framework.losses.logits import HardLabel
from distil.framework.recipe.load import recipe_from_values
from distil.framework.training.deepspeed_engine import import_deepspeed
from distil.framework.training.history import Report
from distil.framework.training.loop import train_in_process
from tests.blocking import blocking_reads
from tests.framework.training.students import job_of, stopped, student
from tests.tiny import tiny_values

_SIZES = {"dim": 32, "n_layers": 1, "n_heads": 2, "hidden_dim": 64}
_STILL = {  # without dropout
    "kind": "config",
    "architecture": "distilbert",
    "config": {**_SIZES, "dropout": 0.0, "attention_dropout": 0.0, "qa_dropout": 0.0},
}


def trained(output: Path, **changes: Any) -> tuple[list[float], dict[str, Any]]:
    """Losses and weights after training."""
    context, stage = student(output, **changes)
    artifact = context.store.produce(stage.key, stage.make)
    rows = [json.loads(line) for line in (artifact.folder / "history.jsonl").read_text().splitlines()]
    assert not (artifact.folder / "checkpoints").exists()
    losses = [row["metrics"]["loss"] for row in rows if row["kind"] == "step"]
    return losses, load_file(artifact.folder / "model" / "model.safetensors")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> list[float]:
    return trained(tmp_path_factory.mktemp("plain"))[0]


@pytest.mark.parametrize("stage", [0, 1, 2, 3])
def test_deepspeed_trains_as_pytorch_does(tmp_path: Path, plain: list[float], stage: int) -> None:
    losses, weights = trained(tmp_path, engine__backend="deepspeed", engine__zero_stage=stage)
    assert losses == pytest.approx(plain, abs=1e-4)
    assert all(tensor.numel() for tensor in weights.values())


def test_compiled_layers_learn_what_others_do(tmp_path: Path) -> None:
    plain, _ = trained(tmp_path / "plain", student__model=_STILL)
    compiled, weights = trained(tmp_path / "compiled", student__model=_STILL, engine__compile=True)
    assert compiled == pytest.approx(plain, abs=1e-4)
    assert not any("_orig_mod" in name for name in weights)


def test_who_cannot_compile_is_told_before_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: object, **options: object) -> None:
        raise RuntimeError("no g++ is here")

    monkeypatch.setattr(torch, "compile", broken)
    with pytest.raises(
        RecipeError,
        match=r"engine.compile: torch.compile cannot compile here: no g\+\+ is here; install a C\+\+ compiler",
    ):
        trained(tmp_path, engine__compile=True)


@pytest.mark.parametrize("backend", ["torch", "deepspeed"])
def test_accumulation_changes_nothing_without_dropout(tmp_path: Path, backend: str) -> None:
    alike = {"student__model": _STILL, "engine__backend": backend}
    whole, _ = trained(tmp_path / "whole", **alike)
    parts, _ = trained(tmp_path / "parts", **alike, student__micro_batch=5)
    assert parts == pytest.approx(whole, abs=1e-4)


def rounded(weights: dict[str, Any], dtype: torch.dtype) -> bool:
    return all((tensor.to(dtype).float() == tensor).all() for tensor in weights.values())


def saved_dtype(output: Path, kind: str) -> str:
    (path,) = output.glob(f"store/{kind}/*/model/config.json")
    return str(json.loads(path.read_text())["dtype"])


@pytest.mark.parametrize("stage", [0, 1, 2, 3])
def test_bf16_trains_weights_that_are_not_rounded(tmp_path: Path, plain: list[float], stage: int) -> None:
    losses, weights = trained(tmp_path, engine__precision="bf16", engine__zero_stage=stage)
    assert losses == pytest.approx(plain, rel=0.05)
    assert losses != plain
    assert {tensor.dtype for tensor in weights.values()} == {torch.float32}
    assert not rounded(weights, torch.bfloat16)
    assert saved_dtype(tmp_path, "models") == "float32"


@pytest.mark.parametrize(
    ("precision", "stage"), [("bf16", 0), ("bf16", 2), ("bf16", 3), ("fp16", 0), ("fp16", 1), ("fp16", 2), ("fp16", 3)]
)
def test_training_begins_with_the_weights_that_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str, stage: int
) -> None:
    _as_if_fp16_were_here(monkeypatch)
    _, weights = trained(
        tmp_path, engine__precision=precision, engine__zero_stage=stage, student__lr=1e-30, student__epochs=1
    )
    (path,) = tmp_path.glob("store/initial/*/model/model.safetensors")
    initial = load_file(path)
    assert set(weights) == set(initial)
    for name, tensor in initial.items():
        torch.testing.assert_close(weights[name], tensor, atol=1e-25, rtol=0)


@pytest.mark.parametrize("stage", [0, 1, 2, 3])
def test_fp16_scales_its_loss_and_saves_the_weights_of_the_optimizer(
    tmp_path: Path, plain: list[float], monkeypatch: pytest.MonkeyPatch, stage: int
) -> None:
    _as_if_fp16_were_here(monkeypatch)
    losses, weights = trained(tmp_path, engine__precision="fp16", engine__zero_stage=stage)
    assert losses == pytest.approx(plain, rel=0.05)
    assert not rounded(weights, torch.float16)
    assert saved_dtype(tmp_path, "models") == "float32"


def test_zero_3_rounds_nothing_but_its_own_training_another_way(tmp_path: Path) -> None:
    before = trained(tmp_path / "before")
    own, seen = functional.linear, set()
    job = job_of(tmp_path, engine__zero_stage=3)
    train_in_process(replace(job, output=tmp_path / "job"), lambda row: seen.add(functional.linear))
    assert seen == {own}
    after = trained(tmp_path / "after")
    assert after[0] == before[0]
    assert all(torch.equal(after[1][name], tensor) for name, tensor in before[1].items())


def _as_if_fp16_were_here(monkeypatch: pytest.MonkeyPatch) -> None:
    import_deepspeed()
    from deepspeed.accelerator import get_accelerator

    monkeypatch.setattr(type(get_accelerator()), "is_fp16_supported", lambda self: True)
    monkeypatch.setattr("distil.framework.run.resolve_precision", lambda wanted: wanted)


def test_fp16_is_refused_where_its_loss_would_not_be_scaled(tmp_path: Path) -> None:
    with pytest.raises(
        RecipeError, match=r"fp16 with backend deepspeed takes a zero_stage of 1, 2 or 3.*backend: torch"
    ):
        recipe_from_values(tiny_values(tmp_path, engine__precision="fp16", engine__backend="deepspeed"), "here")


def test_pytorch_by_itself_shares_nothing_out(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"compile is for PyTorch by itself: drop it, or set zero_stage: 0"):
        recipe_from_values(tiny_values(tmp_path, engine__compile=True, engine__zero_stage=1), "here")
    with pytest.raises(RecipeError, match=r"backend torch shares nothing out, and zero_stage is 1; set zero_stage: 0"):
        recipe_from_values(tiny_values(tmp_path, engine__backend="torch", engine__zero_stage=1), "here")


def test_tf32_is_fp32_with_other_products_on_a_gpu_and_only_while_a_step_is_computed(
    tmp_path: Path, plain: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("distil.framework.run.resolve_precision", lambda wanted: wanted)
    seen: set[str] = set()
    products = torch.backends.cuda.matmul
    before = products.fp32_precision
    hook = register_module_forward_hook(
        lambda module, *_: seen.add(
            products.fp32_precision if module.training else "tf32"
        )  # others only try models out
    )
    try:
        losses, _ = trained(tmp_path, engine__precision="tf32")
    finally:
        hook.remove()
    assert losses == plain  # on a CPU
    assert seen == {"tf32"}
    assert products.fp32_precision == before


def test_a_result_depends_on_the_backend_and_of_the_libraries_on_those_that_it_needs(tmp_path: Path) -> None:
    keys = {
        (backend, stage): student(tmp_path, engine__backend=backend, engine__zero_stage=stage)[1].key
        for backend, stage in (("auto", 0), ("torch", 0), ("deepspeed", 0), ("auto", 1), ("deepspeed", 1))
    }
    assert keys["auto", 0] == keys["torch", 0] != keys["deepspeed", 0]
    assert keys["auto", 1] == keys["deepspeed", 1]
    assert [key for key, made in keys.items() if "deepspeed" not in made.versions] == [("auto", 0), ("torch", 0)]


def test_deepspeed_is_not_imported_where_it_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deepspeed", None)  # an import would fail
    assert trained(tmp_path, student__epochs=1)[0]
    with pytest.raises(MissingPackageError, match=r"multi-teacher-distil\[deepspeed\]"):
        trained(tmp_path, student__epochs=1, engine__backend="deepspeed")


def test_auto_is_bf16_only_where_a_gpu_computes_in_it_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for by_itself, expected in ((True, "bf16"), (False, "fp32")):  # T4: emulated
        monkeypatch.setattr(
            torch.cuda, "is_bf16_supported", lambda including_emulation=True, own=by_itself: including_emulation or own
        )
        assert resolve_precision("auto") == expected


@pytest.mark.parametrize(("backend", "stage"), [("torch", 0), ("deepspeed", 0), ("deepspeed", 1), ("deepspeed", 3)])
def test_three_trainings_leave_no_tensor_behind(tmp_path: Path, backend: str, stage: int) -> None:
    _, training = student(tmp_path, engine__backend=backend, engine__zero_stage=stage, student__epochs=1)
    left = []
    for number in range(3):
        (tmp_path / str(number)).mkdir()
        training.make(tmp_path / str(number))
        left.append(sum(isinstance(found, torch.Tensor) for found in gc.get_objects()))
    assert left[2] <= left[1] <= left[0]


@pytest.mark.parametrize("precision", ["fp16", "tf32"])
def test_some_precisions_need_a_gpu(precision: str) -> None:
    if torch.cuda.is_available():
        assert resolve_precision(precision) == precision
    else:
        with pytest.raises(RecipeError, match=f"{precision} needs a GPU"):
            resolve_precision(precision)


@pytest.mark.parametrize(
    ("backend", "stage", "precision"),
    [
        ("torch", 0, "fp32"),
        ("torch", 0, "bf16"),
        ("torch", 0, "fp16"),
        ("deepspeed", 0, "fp32"),
        ("deepspeed", 1, "fp32"),
        ("deepspeed", 3, "fp32"),
    ],
)
def test_a_training_stopped_at_any_step_goes_on_exactly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str, stage: int, precision: str
) -> None:
    monkeypatch.setattr("distil.framework.run.resolve_precision", lambda wanted: wanted)
    alike = {"engine__backend": backend, "engine__zero_stage": stage, "engine__precision": precision}
    expected = trained(tmp_path / "whole", **alike)
    for stop in (3, 6, 9):
        stopped(tmp_path / "broken", stop, **alike)
    losses, weights = trained(tmp_path / "broken", **alike)
    assert losses == expected[0]
    assert all((weights[name] == tensor).all() for name, tensor in expected[1].items())


@pytest.mark.parametrize("zero_stage", [0, 2])
def test_a_training_goes_on_with_smaller_micro_batches_than_it_began_with(tmp_path: Path, zero_stage: int) -> None:
    """As after an end for want of memory. Without dropout, they change no more than how sums are rounded."""
    alike = {"student__model": _STILL, "engine__zero_stage": zero_stage}
    losses, _ = trained(tmp_path / "whole", **alike)
    stopped(tmp_path / "broken", 5, **alike)
    context, stage = student(tmp_path / "broken", **alike, student__micro_batch=3)
    latest = stage.folder(context.store) / "checkpoints" / "latest.json"
    assert json.loads(latest.read_text())["step"] == 4
    assert trained(tmp_path / "broken", **alike, student__micro_batch=3)[0] == pytest.approx(losses, abs=1e-4)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_nothing_waits_for_the_device_between_two_readings(tmp_path: Path, precision: str) -> None:
    job = job_of(tmp_path, student__log_every=3, student__checkpoint_every=1000)
    waits: list[str] = []
    with ExitStack() as profiled:

        def report(row: Report) -> None:
            nonlocal waits
            if row.kind == "step" and row.step == 3:
                waits = profiled.enter_context(blocking_reads())
            elif row.kind == "step":
                profiled.close()

        train_in_process(replace(job, precision=precision, steps=6, output=tmp_path / "job"), report)
    assert waits == []


def test_a_read_that_waits_is_seen() -> None:
    with blocking_reads() as waits:
        (torch.ones(3) > 0).nonzero()
        float(torch.ones(3).sum())
    assert waits == ["aten::nonzero", "aten::_local_scalar_dense"]


def test_a_loss_that_is_not_finite_stops_the_training(tmp_path: Path) -> None:
    context, stage = student(tmp_path, student__lr=100.0, student__weight_decay=100.0, student__clip=0.0)
    with pytest.raises(TrainingError, match="lower the learning rate"):
        context.store.produce(stage.key, stage.make)


class Detached(HardLabel):
    """A loss from which no gradient comes."""

    kind: str  # type: ignore[assignment]

    def __call__(self, logits: torch.Tensor, target: Target) -> torch.Tensor:
        return super().__call__(logits, target).detach()


def test_losses_from_which_nothing_can_be_learnt_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("of_the_user")
    vars(module).update(Detached=Detached)
    monkeypatch.setitem(sys.modules, "of_the_user", module)
    context, stage = student(tmp_path, losses__hard_label={"kind": "of_the_user:Detached"})
    with pytest.raises(UserError, match=r"losses\.hard_label return follows from the student"):
        context.store.produce(stage.key, stage.make)
