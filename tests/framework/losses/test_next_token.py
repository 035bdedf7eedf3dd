"""The loss on what follows each token: the divergence over whole vocabularies, of models with one tokenizer."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from distil.framework.errors import ModelError, RecipeError
from distil.framework.losses.live import States
from distil.framework.losses.next_token import NextToken
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import run
from tests.framework.tasks.text.runs import bpe, model, values
from tests.tiny import several_values

MASK = torch.ones(3, 4, dtype=torch.bool)
TOKENS = torch.tensor([1, 2, 5, 9, 10, 11])  # tokens 1 and 2 of the first row, 1 of the second, 1 to 3 of the third


def states(seed: int, vocabulary: int = 7) -> States:
    random = torch.Generator().manual_seed(seed)
    return States(1, 1, logits=3 * torch.randn(len(TOKENS), vocabulary, generator=random), tokens=TOKENS)


@given(st.integers(0, 200), st.sampled_from([1.0, 2.0]))
def test_it_is_the_divergence_of_next_tokens(seed: int, temperature: float) -> None:
    student, teacher = states(seed), states(seed + 1)
    found = NextToken(temperature=temperature)(student, teacher, MASK, None)
    assert student.logits is not None
    assert teacher.logits is not None
    p, q = ((one.double() / temperature).softmax(-1) for one in (teacher.logits, student.logits))
    each = temperature**2 * (p * (p / q).log()).sum(-1)
    expected = [each[:2].sum(), each[2], each[3:].sum()]
    assert found.tolist() == pytest.approx([float(one) for one in expected], rel=1e-4, abs=1e-5)


def test_who_says_the_same_costs_nothing_and_rows_beyond_the_tokens_do_not_count() -> None:
    one, wider = states(1), states(1)
    assert NextToken()(one, one, MASK, None).tolist() == [0, 0, 0]
    assert wider.logits is not None
    padded = States(1, 1, logits=torch.cat([wider.logits, torch.full((len(TOKENS), 2), 9.0)], -1), tokens=TOKENS)
    assert NextToken()(one, padded, MASK, None).tolist() == pytest.approx([0, 0, 0], abs=1e-6)


def one_teacher(output: Path, **changes: Any) -> dict[str, Any]:
    teacher = {"kind": "generative", "model": model(), "tokenizer": bpe(300), "fine_tune": {"lr": 0.01, "epochs": 2}}
    usual = {"teachers": {"a": teacher}, "ensemble": None, "student__tokenizer": bpe(300)}
    return values(output, **{**usual, "losses": {"next_token": None}, **changes})


def test_a_student_learns_from_next_tokens_alone(tmp_path: Path) -> None:
    changes = {"student__epochs": 3, "evaluation": {"latency_questions": 0, "bootstrap": 100}}
    results = run(recipe_from_values(one_teacher(tmp_path, **changes), "here"))
    student = next(model for model in results["models"] if model["name"] == "student")
    assert student["history"] is not None
    assert student["evaluation"] is not None
    lines = [json.loads(line) for line in (tmp_path / student["history"]).open(encoding="utf-8")]
    epochs = [line["metrics"]["loss/next_token"] for line in lines if line["kind"] == "epoch"]
    assert epochs[-1] < epochs[0]
    assert student["evaluation"]["bits_per_byte"] < 7


def test_unlike_tokenizers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ModelError, match="the student's tokenizer is not that of teacher 'a', and the loss compares token by token"
    ):
        run(recipe_from_values(one_teacher(tmp_path, student__tokenizer=bpe(310)), "here"))


def test_other_tasks_have_no_next_tokens(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="models of the task extractive_qa say nothing of next tokens: take kl"):
        recipe_from_values(several_values(tmp_path, losses={"next_token": {"teacher": "a"}}), "here")
