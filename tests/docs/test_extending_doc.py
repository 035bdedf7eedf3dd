"""The examples of docs/extending.md, run as they stand there."""

import importlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from distil.framework.ensembles.base import TeacherOutputs
from distil.framework.losses.base import Target
from distil.framework.losses.live import States
from distil.framework.losses.logits import KL
from distil.framework.recipe.load import recipe_from_values
from distil.framework.recipe.schema import Recipe
from distil.framework.run import run
from distil.framework.signals.algebra import NULL, Signals
from distil.framework.tasks.span_qa.data import QAExample
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.tasks.tagging.example import Tagged, words_of
from distil.framework.tasks.text.measures import measured
from distil.framework.tasks.text.task import Text
from distil.tracking.tracker import Sending
from tests.framework.signals.made_up import entries, of_masses

TEXT = (Path(__file__).parents[2] / "docs" / "extending.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(# (my_\w+)\.py\n.*?)```", TEXT, flags=re.DOTALL)
YAML = re.findall(r"```yaml\n(.*?)```", TEXT, flags=re.DOTALL)
TINY = {
    "kind": "config",
    "architecture": "bert",
    "config": {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32},
}
TOKENIZER = {"kind": "wordpiece", "vocab_size": 400}
EXAMPLE = QAExample("q", "Anna plays chess. Boris lives in Tver!", "Where does Boris live?", None)


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """A small recipe with the sections of the document, whose classes are those of the document."""
    for code, module in PYTHON:
        (tmp_path / f"{module}.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    values: dict[str, Any] = {
        "name": "extended",
        "output": str(tmp_path / "runs"),
        "data": {"source": {"kind": "synthetic", "examples": {"train": 24, "validation": 8}}},
        "windows": {"max_length": 128, "doc_stride": 32, "max_question": 32},
        "teachers": {
            "bert": {"kind": "encoder", "model": TINY, "tokenizer": TOKENIZER, "fine_tune": {"epochs": 1}},
        },
        "student": {"model": TINY, "tokenizer": TOKENIZER, "epochs": 1},
        "evaluation": {"latency_questions": 0},
    }
    for block in YAML:
        if "task" not in (sections := yaml.safe_load(block)):
            _put(values, sections)
    return recipe_from_values(values, "docs/extending.md")


def _put(values: dict[str, Any], sections: dict[str, Any]) -> None:
    for name, section in sections.items():
        values[name] = {**values.get(name, {}), **section}


@pytest.mark.parametrize("code", [code for code, _ in PYTHON], ids=[module for _, module in PYTHON])
def test_the_examples_are_short(code: str) -> None:
    assert len(code.splitlines()) <= 30


def test_the_loss_weighs_kl_by_the_teachers_certainty(recipe: Recipe) -> None:
    torch.manual_seed(0)
    mask = torch.tensor([[True, True, True, False], [True, True, True, True]])
    signal = torch.tensor([[0.5, 0.25, 0.25, 0.0], [0.1, 0.1, 0.7, 0.1]])
    logits = torch.randn(2, 4).masked_fill(~mask, -1e30).requires_grad_()
    target = Target(mask, torch.tensor([0, 2]), signal)

    loss = recipe.losses["confident_kl"](logits, target)
    loss.sum().backward()

    expected = KL(temperature=2.0)(logits, target) * torch.tensor([0.5**2, 0.7**2])
    torch.testing.assert_close(loss, expected)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert logits.grad[0, 3] == 0


def test_the_live_loss_is_0_where_states_point_the_same_way(recipe: Recipe) -> None:
    torch.manual_seed(0)
    states = torch.randn(2, 3, 8)
    mask = torch.tensor([[True, True, True], [True, True, False]])
    turned = states.clone()
    turned[0, 0] *= -1  # one of three tokens: cosine -1
    turned[1, 2] *= -1  # padding
    loss: Any = recipe.losses["last_cosine"]

    found = loss(States(layers=1, heads=2, hidden=[2 * states]), States(layers=1, heads=2, hidden=[turned]), mask, None)

    torch.testing.assert_close(found, torch.tensor([2 / 3, 0.0]))


def test_the_rule_listens_to_the_most_certain_teacher(recipe: Recipe) -> None:
    assert recipe.ensemble is not None
    said = [certain(0.5, 0.5), certain(0.9, 0.9), certain(0.0, 0.7)]
    weights = recipe.ensemble.weigh(TeacherOutputs([EXAMPLE, EXAMPLE], ["a", "b", "c"], said, {}, ExtractiveQA()))
    assert weights.tolist() == [[0, 0, 1], [0, 1, 0]]  # the third is certain that the first has no answer


def test_the_teacher_expects_the_answer_among_the_questions_words(recipe: Recipe) -> None:
    signals = recipe.teachers["overlap"].predict([EXAMPLE, EXAMPLE])  # type: ignore[union-attr]
    assert len(signals) == 2
    for head in range(4):
        (_, null), *found = entries(signals, head)
        assert null + sum(mass for _, mass in found) == pytest.approx(1)
        # One word of the question is in the second sentence, none in the first.
        np.testing.assert_allclose([mass / null for _, mass in found], [1] * 3 + [np.exp(2.0)] * 4, rtol=1e-5)
    begins, ends = ([key for key, _ in entries(signals, head)[1:]] for head in range(2))
    words = [EXAMPLE.context[a : b + 1] for a, b in zip(begins, ends, strict=True)]
    assert words == ["Anna", "plays", "chess", "Boris", "lives", "in", "Tver"]


def test_the_examples_make_an_ensemble_that_trains_a_student(recipe: Recipe) -> None:
    results = run(recipe)
    overlap, ensemble, student = (
        {model["name"]: model for model in results["models"]}[name] for name in ("overlap", "ensemble", "student")
    )
    assert overlap["parameters"] == 0
    assert sum(weight["mean"] for weight in ensemble["weights"].values()) == pytest.approx(1)
    assert student["settings"]["losses.confident_kl.sharpness"] == 2.0
    assert student["settings"]["teachers"] == "bert, overlap"
    history = (Path(recipe.output) / student["history"]).read_text(encoding="utf-8")
    assert "loss/confident_kl" in history
    assert "loss/last_cosine" in history
    (own,) = recipe.tracking.also
    sending = Sending(own, recipe.run_folder, recipe.tracking)
    told = [sending.send(final=True) for _ in range(2)]
    sending.close()
    assert told == [str(recipe.run_folder / "curves.jsonl")] * 2
    lines = [json.loads(line) for line in Path(told[0]).read_text(encoding="utf-8").splitlines()]
    assert [one["figures"]["f1"] for one in lines if one["model"] == "student" and "figures" in one] == [
        pytest.approx(student["evaluation"]["f1"])
    ]
    assert sum(any("loss/last_cosine" in name for name in one) for one in lines) == history.count("loss/last_cosine")


def test_the_measure_of_texts_compares_last_numbers(recipe: Recipe) -> None:
    (section,) = [
        found["task"] for block in YAML if (found := yaml.safe_load(block)).get("task", {}).get("kind") == "text"
    ]
    exact, own = Text.model_validate(section).measures
    texts = ["So it is 1,200.", "3.14159", "none", "7"], ["1200", "It is 3.141", "none", "8, or 7.001"]
    assert measured(own, *texts)(np.ones((1, 4))).tolist() == [75.0]
    assert measured(exact, *texts)(np.ones((1, 4))).tolist() == [25.0]
    assert [metric.name for metric in Text.model_validate(section).metrics] == [
        "bits_per_byte",
        "exact_match",
        "same_number",
    ]


def test_the_teacher_of_another_task_tags_the_names_that_it_knows(recipe: Recipe) -> None:
    values = recipe.model_dump(mode="json", include={"name", "output", "student", "evaluation"})
    (sections,) = [found for block in YAML if (found := yaml.safe_load(block)).get("task") == {"kind": "tagging"}]
    _put(values, {**sections, "losses": {"kl": {}, "hard_label": {}}, "windows": {"max_length": 64, "doc_stride": 8}})
    mine = recipe_from_values(values, "docs/extending.md")
    text = "Николай Ершов живёт в Казани."
    example = Tagged("", "x", text, words_of(text), None)
    tags = mine.teachers["gazetteer"].tags(example)  # type: ignore[attr-defined]
    assert tags == ("B-PER", "I-PER", "O", "O", "B-LOC", "O")
    results = run(mine)
    assert [model["name"] for model in results["models"]] == ["gazetteer", "student"]
    assert results["models"][0]["evaluation"]["precision"] > 50


def certain(*masses: float) -> Signals:
    """A teacher that gives one character of each example so much mass, and "no answer here" the rest."""
    return of_masses(*({0: mass, NULL: 1 - mass} for mass in masses for _ in range(2)))
