"""The loss on what follows each token: runs in which teachers with the student's tokenizer are asked about it."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from distil.framework.errors import ModelError, RecipeError
from distil.framework.losses.base import Target
from distil.framework.losses.next_token import NextToken
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import prepare, run
from distil.framework.signals.shards import SignalReader
from tests.chat_models import chat_folder
from tests.framework.tasks.text.runs import bpe, model, values
from tests.tiny import several_values

_MEASURED = {"latency_questions": 0, "bootstrap": 100}
_WRITES_NOTHING = {"kind": "text", "measures": []}


def test_it_is_the_divergence_of_what_is_named() -> None:
    p, q = torch.tensor([[0.5, 0.25, 0.0, 0.25], [0.0, 0.0, 0.0, 0.0]]), torch.tensor([[0.25, 0.25, 0.25, 0.25]] * 2)
    mask = torch.tensor([[True, True, False, True]] * 2)
    found = NextToken()(q.log().masked_fill(~mask, -1e30), Target(mask, torch.tensor([-1, -1]), p))
    assert found.tolist() == pytest.approx([0.5 * np.log(2), 0])


def changed(output: Path, **changes: Any) -> dict[str, Any]:
    """Of teachers `a` and `b` the first has the student's tokenizer."""
    usual = {
        "student__tokenizer": bpe(300),
        "losses": {"next_token": None},
        "evaluation": _MEASURED,
        "task": _WRITES_NOTHING,
    }
    return values(output, **{**usual, "student__epochs": 2, **changes})


def losses_of(results: dict[str, Any], output: Path, name: str) -> list[Any]:
    """What the loss came to in each epoch."""
    found = next(one for one in results["models"] if one["name"] == name)
    lines = [json.loads(line) for line in (output / found["history"]).open(encoding="utf-8")]
    return [line["metrics"].get("loss/next_token") for line in lines if line["kind"] == "epoch"]


def test_students_learn_from_what_is_stored_of_the_teachers_that_share_their_tokenizer(tmp_path: Path) -> None:
    losses = {"next_token": None, "kl": {"temperature": 1}}
    recipe = recipe_from_values(changed(tmp_path, losses=losses, baselines=["b"]), "here")
    results = run(recipe)
    epochs = losses_of(results, tmp_path, "student")
    assert epochs[-1] < epochs[0]
    assert losses_of(results, tmp_path, "student_from_b") == [None] * 2
    context, graph = prepare(recipe)
    named = {
        place: np.diff(SignalReader(found.stage.result(context.store)).signals(found.teacher_pass.examples).rows).sum()
        for place, found in graph.collections.items()
    }
    _, others = prepare(recipe_from_values(changed(tmp_path, losses={"kl": {"temperature": 1}}), "here"))
    again = {place: found.stage.digest for place, found in others.collections.items()}
    other = {place for place, found in graph.collections.items() if found.stage.digest != again[place]}
    assert other == {("a", "train")}  # signals of before serve for all else
    assert named["a", "train"] > 1.5 * named["b", "train"]


def test_a_student_learns_from_next_tokens_alone(tmp_path: Path) -> None:
    teacher = {"kind": "generative", "model": model(), "tokenizer": bpe(300), "fine_tune": {"lr": 0.01, "epochs": 2}}
    results = run(recipe_from_values(changed(tmp_path, teachers={"a": teacher}, ensemble=None, baselines=[]), "here"))
    student = next(one for one in results["models"] if one["name"] == "student")
    epochs = losses_of(results, tmp_path, "student")
    assert epochs[-1] < epochs[0]
    assert student["evaluation"]["bits_per_byte"] < 7
    assert 0.9 < student["training"]["taught_share"] <= 1


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"student__tokenizer": bpe(310), "baselines": []},
            "the student's tokenizer is not that of any of the teachers 'a' and 'b', and the loss compares token by token",
        ),
        ({"baselines": ["b"]}, "baselines: 'b' would have no loss left: its tokenizer is not the student's"),
    ],
)
def test_students_that_no_teacher_shares_tokens_with_are_refused(
    tmp_path: Path, changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ModelError, match=problem):
        prepare(recipe_from_values(changed(tmp_path, **changes), "here"))


def test_other_tasks_have_no_next_tokens(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="compares tokens, which the task extractive_qa does not have: drop it"):
        recipe_from_values(several_values(tmp_path, losses={"next_token": None}), "here")


def test_a_teacher_that_ends_texts_with_another_token_is_asked(tmp_path: Path) -> None:
    """As an instruction-tuned model does whose base the student is."""
    folder, other = chat_folder(tmp_path / "teacher"), tmp_path / "student"
    shutil.copytree(folder, other)
    settings = json.loads((other / "tokenizer_config.json").read_text())
    (other / "tokenizer_config.json").write_text(json.dumps({**settings, "eos_token": settings["pad_token"]}))
    teacher = {"kind": "generative", "model": {"kind": "folder", "path": str(folder)}}
    given = changed(tmp_path, teachers={"a": teacher}, ensemble=None, baselines=[])
    own = {"model": {"kind": "folder", "path": str(other)}, "epochs": 1}
    _, graph = prepare(recipe_from_values({**given, "student": own}, "here"))
    assert graph.collections["a", "train"].asking.inference.next_tokens
