"""Temperatures and weights on their way to the student."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from distil.framework.errors import DataError, StoreError
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import prepare
from distil.framework.signals.algebra import Signals
from distil.framework.signals.shards import SignalReader
from distil.framework.signals.source import OneTeacher, SignalSource
from distil.framework.tasks.span_qa.data import QAExample
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.training.distillation import Distillation
from distil.framework.training.items import EagerSignals
from distil.framework.training.objective import Objective
from tests.framework.signals.made_up import assert_same
from tests.questions import load
from tests.tiny import model_of, several_values, watched_run

RULES: list[dict[str, Any]] = [
    {"rule": "mean"},
    {"rule": "geometric"},
    {"rule": "weighted", "weights": {"a": 2.0, "b": 1.0, "c": 1.0}},
    {"rule": "weighted", "weights": "f1", "tau": 5.0},
    {"rule": "confidence"},
    {"rule": "label_aware"},
    {"rule": "agreement"},
    {"rule": "sampled"},
]


def stored(output: Path, results: dict[str, Any], teacher: str, split: str) -> SignalReader:
    (digest,) = (one["digest"] for one in results["signals"] if (one["teacher"], one["split"]) == (teacher, split))
    return SignalReader(output / "store" / "signals" / digest)


def held_out(output: Path, results: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What was found out about each teacher before it taught."""
    manifests = [json.loads(path.read_text()) for path in (output / "store" / "held_out").glob("*/manifest.json")]
    teachers = {one["digest"]: one["teacher"] for one in results["signals"]}
    return {teachers[manifest["inputs"]["signals"]]: manifest["facts"] for manifest in manifests}


def read_by(objective: Objective, source: SignalSource, examples: Sequence[QAExample]) -> tuple[Any, Any]:
    """The signals [N, 2, L] at T = 2 that the student was taught, and those that `source` would teach it."""
    assert isinstance(objective, Distillation)
    windows = objective.items.features
    items = ExtractiveQA().training_items(examples, windows, objective.items.pad_id, source, [2.0], eager=True)
    rows = np.arange(len(windows))
    return tuple(one.targets(rows, True, choice=0).signals[2.0] for one in (objective.items, items))


def test_a_calibrated_temperature_reaches_the_student(tmp_path: Path) -> None:
    values = several_values(
        tmp_path,
        teachers__b=None,
        teachers__c=None,
        ensemble=None,
        teachers__a__temperature="calibrated",
        signals__held_out="train",
    )
    results, objectives = watched_run(values)
    facts = held_out(tmp_path, results)["a"]
    temperature = facts["temperature"]
    assert abs(temperature - 1) > 0.05
    assert facts["nll_calibrated"] < facts["nll"]
    student = model_of(results, "student")
    assert student["training"]["teacher_temperature"] == {"a": temperature}
    examples = load(recipe_from_values(values, "here").data)["train"].examples
    signals = stored(tmp_path, results, "a", "train")
    taught, expected = read_by(objectives[student["digest"]], OneTeacher(signals, temperature), examples)
    torch.testing.assert_close(taught, expected)
    _, untouched = read_by(objectives[student["digest"]], OneTeacher(signals), examples)
    assert not torch.allclose(taught, untouched, atol=1e-3)


def test_a_fixed_temperature_takes_no_held_out_labels(tmp_path: Path) -> None:
    """And the run with temperature 1 shares its teacher's pass."""
    single = {"teachers__b": None, "teachers__c": None, "ensemble": None}
    plain, _ = watched_run(several_values(tmp_path, **single))
    results, _ = watched_run(several_values(tmp_path, teachers__a__temperature=3.0, **single))
    assert not held_out(tmp_path, results)
    assert model_of(results, "student")["training"]["teacher_temperature"] == {"a": 3.0}
    assert model_of(results, "student")["digest"] != model_of(plain, "student")["digest"]
    assert [one["reused"] for one in results["signals"]] == [True]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule['rule']} {rule.get('weights', '')}")
def test_weights_are_noted_as_the_student_saw_them_and_without_labels(
    tmp_path_factory: pytest.TempPathFactory, rule: dict[str, Any]
) -> None:
    output = tmp_path_factory.getbasetemp() / "teaching"  # shared, so that the teachers are trained once
    results, _ = watched_run(several_values(output, ensemble=rule, signals__held_out="train"))
    measured = model_of(results, "ensemble")["weights"]
    seen = model_of(results, "student")["training"]["weights"]
    for weights in (measured, seen):
        assert list(weights) == ["a", "b", "c"]
        assert sum(weight["mean"] for weight in weights.values()) == pytest.approx(1)
    means = [[weights[name]["mean"] for name in "abc"] for weights in (measured, seen)]
    spread = [max(weight["std"] for weight in weights.values()) for weights in (measured, seen)]
    if rule.get("weights") == "f1":
        f1 = np.asarray([held_out(output, results)[name]["f1"] for name in "abc"])
        expected = np.exp((f1 - f1.max()) / rule["tau"])
        assert means == [pytest.approx(expected / expected.sum())] * 2
    elif "weights" in rule:
        assert means == [[0.5, 0.25, 0.25]] * 2
    elif rule["rule"] in ("mean", "geometric", "sampled"):
        assert means == [pytest.approx([1 / 3] * 3)] * 2
    if rule["rule"] == "label_aware":
        assert means[0] == pytest.approx([1 / 3] * 3)
        assert spread[0] == pytest.approx(0)
        assert spread[1] > 1e-4
    elif rule["rule"] in ("confidence", "agreement"):
        assert min(spread) > 1e-6
    else:
        assert spread == pytest.approx([0, 0])
    ensemble = model_of(results, "ensemble")
    assert (ensemble["folder"], ensemble["history"], ensemble["parameters"], ensemble["latency"]) == (None,) * 4
    assert ensemble["evaluation"]["examples"] == 16


def test_a_mean_of_equal_teachers_is_that_teacher(tmp_path: Path) -> None:
    """Students of an ensemble and of its only opinion are read the same signals."""
    values = several_values(tmp_path, teachers__c=None)
    values["teachers"]["b"] = values["teachers"]["a"]
    results, objectives = watched_run(values)
    examples = load(recipe_from_values(values, "here").data)["train"].examples
    source = OneTeacher(stored(tmp_path, results, "a", "train"))
    taught, expected = read_by(objectives[model_of(results, "student")["digest"]], source, examples)
    torch.testing.assert_close(taught, expected, atol=1e-5, rtol=1e-3)


def test_held_out_questions_are_not_those_by_which_all_is_measured(tmp_path: Path) -> None:
    splits = {"train": "train", "dev": "validation", "some": "validation[12:]"}
    values = several_values(
        tmp_path, data__splits=splits, signals__held_out="some", teachers__a__temperature="calibrated"
    )
    with pytest.raises(DataError, match=r"signals\.held_out: 4 of 4 questions of split 'some' are also in 'dev'"):
        prepare(recipe_from_values(values, "here"))


def test_held_out_questions_need_labels(tmp_path: Path) -> None:
    path = tmp_path / "bare.jsonl"
    rows = [{"id": str(n), "context": f"Кот {n} спит.", "question": "Кто?", "answers": None} for n in range(4)]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    values = several_values(
        tmp_path,
        data__extra={"bare": {"source": {"kind": "files", "path": str(path)}}},
        signals__held_out="bare",
        teachers__a__temperature="calibrated",
    )
    with pytest.raises(DataError, match=r"signals\.held_out: none of the questions of split 'bare' has a label"):
        prepare(recipe_from_values(values, "here"))


def columns(objective: Objective) -> dict[float, Sequence[Signals]]:
    assert isinstance(objective, Distillation)
    assert isinstance(objective.items.signals, EagerSignals)
    return dict(objective.items.signals.columns)


def test_a_second_trial_reads_nothing_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a rule with alternatives, all of them; other windows, temperatures and tokenizers are other results."""
    asked: list[str] = []
    original = SignalReader.signals

    def counted(reader: SignalReader, examples: Sequence[QAExample]) -> Signals:
        asked.extend(example.id for example in examples)
        return original(reader, examples)

    monkeypatch.setattr(SignalReader, "signals", counted)
    values = several_values(tmp_path, teachers__c=None, ensemble={"rule": "sampled"})
    first, taught = watched_run(values)
    assert asked
    asked.clear()
    values["student"]["lr"] = 0.02
    second, taught_again = watched_run(values)
    assert asked == []
    one, other = model_of(first, "student"), model_of(second, "student")
    assert one["digest"] != other["digest"]
    assert one["training"]["weights"] == other["training"]["weights"]
    read, kept = columns(taught[one["digest"]]), columns(taught_again[other["digest"]])
    assert {temperature: len(found) for temperature, found in kept.items()} == {2.0: 2}
    for alternative, again in zip(read[2.0], kept[2.0], strict=True):
        assert_same(alternative, again)

    (path,) = tmp_path.glob("store/targets/*/targets.safetensors")
    path.write_bytes(path.read_bytes()[:-1] + b"\0\0")
    values["student"]["lr"] = 0.03
    with pytest.raises(StoreError, match=r"targets\.safetensors"):
        watched_run(values)
