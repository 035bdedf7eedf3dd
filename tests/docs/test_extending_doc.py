"""The example of docs/extending.md, run as it stands there."""

import importlib
import re
from pathlib import Path

import pytest
import torch
import yaml

from framework.losses.base import Target
from framework.losses.kl import KL
from framework.recipe import Recipe
from framework.recipe_file import recipe_from_values
from framework.run import run

TEXT = (Path(__file__).parents[2] / "docs" / "extending.md").read_text(encoding="utf-8")
TINY = {
    "kind": "config",
    "architecture": "bert",
    "config": {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32},
}


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """A small recipe with the losses of the document, whose class is that of the document."""
    (tmp_path / "my_losses.py").write_text(block("python"), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    values = {
        "name": "extended",
        "output": str(tmp_path / "runs"),
        "data": {"source": {"kind": "synthetic", "examples": {"train": 24, "validation": 8}}},
        "windows": {"max_length": 128, "doc_stride": 32, "max_question": 32},
        "teachers": {
            "teacher": {
                "kind": "encoder",
                "model": TINY,
                "tokenizer": {"kind": "wordpiece", "vocab_size": 400},
                "fine_tune": {"epochs": 1},
            }
        },
        "student": {"model": TINY, "tokenizer": {"kind": "wordpiece", "vocab_size": 300}, "epochs": 1},
        "evaluation": {"latency_questions": 0},
    }
    return recipe_from_values({**values, **yaml.safe_load(block("yaml"))}, "docs/extending.md")


def test_the_example_is_short() -> None:
    assert len(block("python").splitlines()) <= 30


def test_the_example_weighs_kl_by_the_teachers_certainty(recipe: Recipe) -> None:
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


def test_the_example_trains_a_student(recipe: Recipe) -> None:
    results = run(recipe)
    student = results["models"][-1]
    assert student["settings"]["losses.confident_kl.sharpness"] == 2.0
    history = (Path(recipe.output) / student["history"]).read_text(encoding="utf-8")
    assert "loss/confident_kl" in history
