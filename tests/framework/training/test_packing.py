"""Trainings whose layers see texts alone: by every engine, for every task, whole and stopped."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from distil.framework.errors import ModelError, RecipeError
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import prepare
from distil.framework.training.history import Report
from distil.framework.training.loop import train_in_process
from tests.blocking import blocking_reads
from tests.framework.training.students import job_of, stopped, student
from tests.tiny import tiny_values

_STILL = {"dropout": 0.0, "attention_dropout": 0.0, "qa_dropout": 0.0, "seq_classif_dropout": 0.0}
_SIZES = {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64}
DISTILBERT = {"kind": "config", "architecture": "distilbert", "config": {**_SIZES, **_STILL}}
BERT = {
    "kind": "config",
    "architecture": "bert",
    "config": {
        **{"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64},
        **{"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0},
    },
}
GPT2 = {
    "kind": "config",
    "architecture": "gpt2",
    "config": {
        **{"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64},
        **{"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0},
    },
}
SHORT = {"student__epochs": 1, "data__source__examples": {"train": 48, "validation": 8}}
_TAGS = ["O", "B-PER", "B-ORG", "B-LOC", "B-DATE"]
TASKS: dict[str, dict[str, Any]] = {
    "span_qa": {"student__model": DISTILBERT},
    "checkpointing": {"student__model": BERT, "student__gradient_checkpointing": True, "student__micro_batch": 5},
    "classification": {
        "student__model": BERT,
        "task": {"kind": "classification"},
        "data__source__kind": "messages",
        "data__source__facts": None,
        "data__source__fillers": None,
        "windows": {"max_length": 64},
    },
    "tagging": {
        "student__model": DISTILBERT,
        "task": {"kind": "tagging", "labels": _TAGS},
        "data__source__kind": "news",
        "data__source__facts": None,
        "data__source__fillers": None,
        "windows": {"max_length": 64, "doc_stride": 8},
    },
    "text": {
        "student__model": GPT2,
        "student__tokenizer": {"kind": "bpe", "vocab_size": 300},
        "task": {"kind": "text"},
        "data__source__kind": "instructions",
        "data__source__facts": None,
        "data__source__fillers": None,
        "windows": {"max_length": 64},
        "evaluation__latency_questions": None,
    },
}


def trained(output: Path, **changes: Any) -> tuple[list[float], dict[str, Any]]:
    """Losses and weights after training."""
    context, stage = student(output, **{**SHORT, **changes})
    artifact = context.store.produce(stage.key, stage.make)
    rows = [json.loads(line) for line in (artifact.folder / "history.jsonl").read_text().splitlines()]
    losses = [row["metrics"]["loss"] for row in rows if row["kind"] == "step"]
    return losses, load_file(artifact.folder / "model" / "model.safetensors")


@pytest.mark.parametrize("task", TASKS)
def test_students_of_every_task_learn_as_without(tmp_path: Path, task: str) -> None:
    plain, _ = trained(tmp_path / "plain", **TASKS[task])
    packed, weights = trained(tmp_path / "packed", **TASKS[task], student__packing=True)
    assert packed == pytest.approx(plain, rel=1e-4)
    assert packed[0] != packed[-1]
    assert all(tensor.isfinite().all() for tensor in weights.values())


@pytest.mark.parametrize(
    "engine",
    [
        {"engine__zero_stage": 3},
        {"engine__precision": "bf16", "engine__zero_stage": 1},
    ],
)
def test_deepspeed_packs_as_pytorch_does(tmp_path: Path, engine: dict[str, Any]) -> None:
    alike = {"student__model": DISTILBERT, **engine}
    plain, _ = trained(tmp_path / "plain", **alike)
    packed, _ = trained(tmp_path / "packed", **alike, student__packing=True)
    assert packed == pytest.approx(plain, rel=1e-2 if "engine__precision" in engine else 1e-4)


def test_a_training_stopped_at_any_step_goes_on_exactly(tmp_path: Path) -> None:
    """With dropout."""
    alike = {**SHORT, "student__packing": True, "student__epochs": 2}
    expected = trained(tmp_path / "whole", **alike)
    stopped(tmp_path / "broken", 3, **alike)
    losses, weights = trained(tmp_path / "broken", **alike)
    assert losses == expected[0]
    assert all((weights[name] == tensor).all() for name, tensor in expected[1].items())


def test_nothing_waits_for_the_device_between_two_readings(tmp_path: Path) -> None:
    job = job_of(tmp_path, student__log_every=3, student__checkpoint_every=1000, student__packing=True)
    found: list[list[str]] = []
    reads = blocking_reads()

    def report(row: Report) -> None:
        if row.kind == "step" and row.step == 3:
            found.append(reads.__enter__())
        elif row.kind == "step":
            reads.__exit__(None, None, None)

    train_in_process(replace(job, steps=6, output=tmp_path / "job"), report)
    assert found == [[]]


def test_it_is_digested_only_where_it_is_on(tmp_path: Path) -> None:
    def digest(**changes: Any) -> str:
        return student(tmp_path, **changes)[1].digest

    assert digest(student__packing=False) == digest() != digest(student__packing=True)


def test_a_recipe_is_refused_whose_models_or_losses_cannot(tmp_path: Path) -> None:
    live = tiny_values(tmp_path, losses={"hidden_mse": None}, student__packing=True)
    with pytest.raises(RecipeError, match=r"student\.packing .*the losses \['hidden_mse'\] .*drop `packing`, or these"):
        recipe_from_values(live, "here")
    compiled = tiny_values(tmp_path, engine__compile=True, student__packing=True)
    with pytest.raises(RecipeError, match=r"student\.packing .* cannot be compiled: drop it, or engine\.compile"):
        recipe_from_values(compiled, "here")
    shared = {"kind": "config", "architecture": "albert", "config": {"hidden_size": 32, "num_attention_heads": 2}}
    values = tiny_values(tmp_path, teachers__teacher__fine_tune__packing=True, teachers__teacher__model=shared)
    told = r"^teachers\.teacher\.fine_tune\.packing: cannot tell the layers of a albert model"
    with pytest.raises(ModelError, match=told):
        prepare(recipe_from_values(values, "here"))
    values = tiny_values(tmp_path, engine__compile=True, student__model=shared)
    with pytest.raises(ModelError, match=r"^student: engine\.compile: cannot tell the layers of a albert model"):
        prepare(recipe_from_values(values, "here"))
