"""The loop over a real DeepSpeed engine: ZeRO stages, precisions, accumulation, exact resumption."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from framework.device import resolve_precision
from framework.errors import RecipeError, TrainingError
from framework.recipe_file import recipe_from_values
from framework.run import prepare
from framework.stages.stage import Stage
from framework.training.in_process import train_in_process
from framework.training.job import Report, TrainingJob
from tests.tiny import tiny_values


class _Stop(Exception):
    pass


def student(output: Path, **changes: Any) -> tuple[Any, Stage]:
    """Context and training stage of a student on labels alone; all stages before it done."""
    values = tiny_values(output, teachers=None, baselines=None, losses={"hard_label": None}, **changes)
    context, graph = prepare(recipe_from_values(values, "here"))
    (model,) = graph.models
    assert model.tokenizer is not None
    assert model.trained is not None
    for stage in (model.tokenizer, model.initial):
        context.store.produce(stage.key, stage.make)
    return context, model.trained


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


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_zero_stages_train_alike(tmp_path: Path, plain: list[float], stage: int) -> None:
    losses, weights = trained(tmp_path, engine__zero_stage=stage)
    assert losses == pytest.approx(plain, abs=1e-4)
    assert all(tensor.numel() for tensor in weights.values())


def test_accumulation_changes_nothing_without_dropout(tmp_path: Path) -> None:
    config = {"dim": 32, "n_layers": 1, "n_heads": 2, "hidden_dim": 64}
    config |= {"dropout": 0.0, "attention_dropout": 0.0, "qa_dropout": 0.0}
    model = {"kind": "config", "architecture": "distilbert", "config": config}
    whole, _ = trained(tmp_path / "whole", student__model=model)
    parts, _ = trained(tmp_path / "parts", student__model=model, student__micro_batch=5)
    assert parts == pytest.approx(whole, abs=1e-4)


def test_bf16_trains(tmp_path: Path, plain: list[float]) -> None:
    losses, weights = trained(tmp_path, engine__precision="bf16")
    assert losses == pytest.approx(plain, rel=0.05)
    assert {str(tensor.dtype) for tensor in weights.values()} == {"torch.float32"}


def test_fp16_needs_a_gpu() -> None:
    import torch

    if torch.cuda.is_available():
        assert resolve_precision("fp16") == "fp16"
    else:
        with pytest.raises(RecipeError, match="fp16 needs a GPU"):
            resolve_precision("fp16")


@pytest.mark.parametrize("zero_stage", [0, 1, 3])
def test_a_training_stopped_at_any_step_goes_on_exactly(tmp_path: Path, zero_stage: int) -> None:
    expected = trained(tmp_path / "whole", engine__zero_stage=zero_stage)
    context, _ = student(tmp_path / "broken", engine__zero_stage=zero_stage)
    for stop in (3, 6, 9):

        def interrupted(job: TrainingJob, report: Any, stop: int = stop) -> Any:
            def report_until(row: Report) -> None:
                report(row)
                if row.kind == "step" and row.step >= stop:
                    raise _Stop

            return train_in_process(job, report_until)

        broken = context.__class__(**{**context.__dict__, "train": interrupted})
        _, again = student(tmp_path / "broken", engine__zero_stage=zero_stage)
        with pytest.raises(_Stop):
            _stage_of(broken).make(_folder(context, again))
    losses, weights = trained(tmp_path / "broken", engine__zero_stage=zero_stage)
    assert losses == expected[0]
    assert all((weights[name] == tensor).all() for name, tensor in expected[1].items())


def _stage_of(context: Any) -> Stage:
    from framework.stages.graph import build_graph

    stage = build_graph(context).models[0].trained
    assert stage is not None
    return stage


def _folder(context: Any, stage: Stage) -> Path:
    folder = stage.folder(context.store)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_a_loss_that_is_not_finite_stops_the_training(tmp_path: Path) -> None:
    context, stage = student(tmp_path, student__lr=1e30, student__clip=0.0)
    with pytest.raises(TrainingError, match="lower the learning rate"):
        context.store.produce(stage.key, stage.make)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
