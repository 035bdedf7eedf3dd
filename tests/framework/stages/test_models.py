"""Folds, questions without labels, and students of one teacher of several, in whole runs."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from distil.framework.data.batches import epoch_batches
from distil.framework.data.section import fold_of
from distil.framework.errors import DataError
from distil.framework.losses.base import total_loss
from distil.framework.losses.logits import HardLabel
from distil.framework.predictors import logits
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import prepare
from distil.framework.signals.algebra import Signals
from distil.framework.tasks.span_qa.data import QAExample
from distil.framework.teachers.encoder import Encoder
from distil.framework.training.distillation import Distillation
from tests.questions import load
from tests.tiny import model_of, several_values, watched_run

TRANSFER = {"source": {"kind": "synthetic", "examples": {"train": 24}, "facts": 3, "fillers": 0, "seed": 5}}


def one_teacher(output: Path, **changes: Any) -> dict[str, Any]:
    return several_values(output, **{"teachers__b": None, "teachers__c": None, "ensemble": None, **changes})


def contexts(values: dict[str, Any], split: str) -> set[str]:
    data = load(recipe_from_values(values, "here").data)
    return {example.context for example in data[split].examples}


def test_no_fold_is_asked_about_a_context_that_it_was_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained_on: dict[int, set[str]] = {}
    asked: dict[str, set[str]] = {}
    objective, predictor = Encoder.objective, logits.logits_predictor

    def noted_objective(self: Encoder, inference: Any, examples: Sequence[QAExample], *rest: Any) -> Any:
        made = objective(self, inference, examples, *rest)
        trained_on[id(made)] = {example.context for example in examples}
        return made

    class NotedPredictor(logits.LogitsPredictor):
        def prepare(self, examples: Sequence[QAExample], proposals: Sequence[Signals] = ()) -> Any:
            asked.setdefault(self.model.name_or_path, set()).update(example.context for example in examples)
            return super().prepare(examples, proposals)

    def noted_predictor(folder: Path, inference: Any, *rest: Any) -> logits.LogitsPredictor:
        loaded = predictor(folder, inference, *rest)
        return NotedPredictor(loaded.model, loaded.tokenizer, loaded.inference)

    monkeypatch.setattr(Encoder, "objective", noted_objective)
    monkeypatch.setattr(logits, "logits_predictor", noted_predictor)
    values = one_teacher(tmp_path, teachers__a__crossfit=3, data__source__examples={"train": 96, "validation": 16})
    results, objectives = watched_run(values)
    whole = contexts(values, "train")
    folds = {str(tmp_path / "store" / "models" / digest / "model"): made for digest, made in objectives.items()}
    assert len(asked) == 3
    for folder, about in asked.items():
        assert about
        assert trained_on[id(folds[folder])] == whole - about
        assert len({fold_of(QAExample("", context, "", None), 3) for context in about}) == 1
    assert set.union(*asked.values()) == whole
    # The teacher that is measured has seen everything.
    assert trained_on[id(objectives[model_of(results, "a")["digest"]])] == whole
    assert [signals["examples"] for signals in results["signals"]] == [96]


def test_folds_without_a_paragraph_are_refused(tmp_path: Path) -> None:
    values = one_teacher(tmp_path, teachers__a__crossfit=40)
    with pytest.raises(
        DataError,
        match=r"teachers\.a\.crossfit is 40, .* the questions have too few texts that differ: .*; lower crossfit",
    ):
        prepare(recipe_from_values(values, "here"))


def test_unlabelled_questions_teach_by_signals_alone(tmp_path: Path) -> None:
    plain, _ = watched_run(one_teacher(tmp_path, baselines=["no_distillation"]))
    values = one_teacher(
        tmp_path,
        baselines=["no_distillation"],
        data__extra={"transfer": TRANSFER},
        student__unlabelled=["transfer"],
        student__batch_size=20,
        student__log_every=1,
    )
    results, objectives = watched_run(values)
    assert [(signals["split"], signals["examples"]) for signals in results["signals"]] == [
        ("train", 48),
        ("transfer", 24),
    ]
    student, before = model_of(results, "student"), model_of(plain, "student")
    weights = [load_file(tmp_path / model["folder"] / "model.safetensors") for model in (student, before)]
    assert any(not torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    # Labels alone have nothing to say about these questions: the baseline sees the labelled ones, for as many steps.
    record = model_of(results, "student_no_distillation")
    baseline = objectives[record["digest"]]
    assert isinstance(baseline, Distillation)
    assert set(baseline.items.features.example) == set(range(48))
    assert (len(baseline.lengths), record["training"]["steps"], student["training"]["steps"]) == (48, 4, 4)
    assert record["training"]["windows"] == 48 + len(
        epoch_batches(baseline.lengths, 20, student["settings"]["seed"], 1)[0]
    )
    rows = [json.loads(line) for line in (tmp_path / record["history"]).read_text().splitlines()]
    assert [(row["kind"], row["step"], row["epoch"]) for row in rows] == [
        ("step", 1, 1 / 3),
        ("step", 2, 2 / 3),
        ("step", 3, 1.0),
        ("epoch", 3, 1.0),
        ("step", 4, 4 / 3),
        ("epoch", 4, 4 / 3),
    ]
    rates = [row["metrics"]["lr"] for row in rows if row["kind"] == "step"]
    taught = [json.loads(line) for line in (tmp_path / student["history"]).read_text().splitlines()]
    assert rates == [row["metrics"]["lr"] for row in taught if row["kind"] == "step"]
    assert record["settings"]["epochs"] == "until it has as many steps as the student"

    objective = objectives[student["digest"]]
    assert isinstance(objective, Distillation)
    windows = objective.items.features
    assert len(windows) == student["training"]["windows"] > before["training"]["windows"]
    without = np.flatnonzero((objective.items.positions < 0).all(-1))
    assert set(windows.example[without]) == set(range(48, 72))
    targets = objective.items.targets(without, True, choice=0)
    student_logits = torch.randn(len(without), 2, targets.mask.shape[1], requires_grad=True)
    loss, _ = total_loss({"hard_label": HardLabel()}, targets.rows(student_logits), 0.0)
    (gradient,) = torch.autograd.grad(loss, student_logits)
    assert (float(loss.detach()), float(gradient.abs().max())) == (0.0, 0.0)
    loss, terms = total_loss(objective.losses, targets.rows(student_logits), 0.0)
    assert terms["hard_label"] == 0
    assert terms["kl"] > 0


def test_a_baseline_has_one_teacher_and_all_else_of_the_student(tmp_path: Path) -> None:
    results, _ = watched_run(several_values(tmp_path, baselines=["b"]))
    alone, _ = watched_run(several_values(tmp_path / "alone", teachers__a=None, teachers__c=None, ensemble=None))
    assert [model["name"] for model in results["models"]] == ["a", "b", "c", "ensemble", "student_from_b", "student"]
    baseline, expected = model_of(results, "student_from_b"), model_of(alone, "student")
    assert baseline["role"] == "baseline"
    assert baseline["evaluation"] == expected["evaluation"]
    assert list(baseline["training"]["moved_mass"]) == ["b"]
    assert "weights" not in baseline["training"]
    weights = [tmp_path / baseline["folder"], tmp_path / "alone" / expected["folder"]]
    assert len({(folder / "model.safetensors").read_bytes() for folder in weights}) == 1


def test_how_a_generator_is_asked_does_not_train_it_anew(tmp_path: Path) -> None:
    def stages(**settings: Any) -> tuple[str, str]:
        generator = {
            "kind": "generative",
            "model": {
                "kind": "config",
                "architecture": "t5",
                "config": {"d_model": 16, "num_layers": 1, "num_heads": 2},
            },
            "tokenizer": {"kind": "wordpiece", "vocab_size": 400},
            "fine_tune": {"epochs": 1},
            **settings,
        }
        values = several_values(tmp_path, teachers={"writer": generator}, ensemble=None)
        graph = prepare(recipe_from_values(values, "here"))[1]
        return graph.models[0].weights.digest, graph.collections["writer", "train"].stage.digest

    trained, asked = stages()
    assert stages(beams=2)[0] == trained
    assert stages(beams=2)[1] != asked
    assert stages(prompt="{context} {question}")[0] != trained
