"""Live losses in a recipe: what is refused before anything runs, and what a training depends on."""

import sys
import types
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoConfig

from distil.framework.errors import ModelError, RecipeError
from distil.framework.models.build import random_model, save_model
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import prepare
from distil.framework.stages.graph import Graph
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.teachers.encoder import Encoder
from tests.tiny import tiny_values
from tests.tokenizing import tokenizer

TOKENIZER = {"kind": "wordpiece", "vocab_size": 400}
WITH_4_HEADS = {
    "kind": "config",
    "architecture": "distilbert",
    "config": {"dim": 32, "n_layers": 1, "n_heads": 4, "hidden_dim": 64},
}


class Odd(Encoder):
    """A teacher whose models are not the task's."""

    kind: str  # type: ignore[assignment]

    def model_kind(self, task: Any, config: Any) -> Any:
        return ExtractiveQA()


def graph(output: Path, **changes: Any) -> Graph:
    """The stages of the tiny recipe with a tokenizer that teacher and student share."""
    values = tiny_values(
        output,
        **{
            "teachers__teacher__tokenizer": dict(TOKENIZER),
            "student__tokenizer": dict(TOKENIZER),
            "losses": {"kl": {}, "hidden_mse": {}},
            **changes,
        },
    )
    return prepare(recipe_from_values(values, "here"))[1]


def two_teachers(output: Path, **changes: Any) -> Graph:
    first = tiny_values(output)["teachers"]["teacher"]
    teachers = {"one": {**first, "tokenizer": TOKENIZER}, "two": {**first, "fine_tune": {"epochs": 1}}}
    return graph(
        output,
        **{
            "teachers": teachers,
            "teachers__teacher__tokenizer": None,
            "teachers__teacher": None,
            "ensemble": {"rule": "mean"},
            **changes,
        },
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"signals__mode": "precomputed"},
            "the store holds no hidden states: leave mode at auto",
        ),
        ({"engine__compile": True}, "which compiled ones do not show: drop compile, or these losses"),
        ({"losses": {"hidden_mse": {"teacher": "teecher"}}}, "did you mean 'teacher'"),
        ({"losses": {"hidden_mse": {"layers": {}}}}, "expected 1 or more"),
        ({"teachers": None, "teachers__teacher__tokenizer": None, "baselines": None}, "there are none: add `teachers`"),
    ],
    ids=str,
)
def test_recipes_that_cannot_be_meant_are_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        graph(tmp_path, **changes)


def test_of_several_teachers_one_has_to_be_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"there are 2 teachers \(one, two\).*for example `teacher: one`"):
        two_teachers(tmp_path)


def test_a_baseline_looks_only_into_its_own_teacher(tmp_path: Path) -> None:
    losses = {"kl": {}, "hidden_mse": {"teacher": "one"}}
    found = two_teachers(tmp_path, losses=losses, baselines=["one", "two", "no_distillation"])
    terms = {model.name: list(model.weights.inputs["losses"]) for model in found.models if model.role != "teacher"}
    assert terms == {
        "student_from_one": ["hidden_mse", "kl"],
        "student_from_two": ["kl"],
        "student_no_distillation": ["hard_label"],
        "student": ["hidden_mse", "kl"],
    }
    with pytest.raises(RecipeError, match="'two' would have no loss left"):
        two_teachers(tmp_path, losses={"hidden_mse": {"teacher": "one"}}, baselines=["two"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"student__tokenizer__vocab_size": 300}, "is not that of teacher 'teacher'"),
        ({"student__tokenizer__lower_case": True}, "is not that of teacher 'teacher'"),
        ({"teachers__teacher__split": "dev"}, "and the same split, where the run trains it"),
        ({"losses": {"hidden_mse": {"layers": {0: 2}}}}, "losses.hidden_mse: layer 2 of the teacher .* 0 to 1"),
        ({"losses": {"hidden_mse": {"layers": {1: 0}}}}, "losses.hidden_mse: layer 1 of the student .* 0 to 0"),
        ({"losses": {"attention_mse": {}}, "student__model": WITH_4_HEADS}, "4 attention heads and the teacher 2"),
        ({"losses": {"mine": {"kind": "minilm_relations", "relation_heads": 5}}}, "losses.mine: .* 5 relation heads"),
        (
            {
                "teachers__teacher__model__config__max_position_embeddings": 48,
                "teachers__teacher__windows": {"max_length": 48, "doc_stride": 8, "max_question": 24},
            },
            "windows of up to 64 tokens, but has positions for 48",
        ),
        ({"teachers__teacher__kind": "of_the_user:Odd"}, "of kind of_the_user:Odd, but only an encoder"),
    ],
    ids=str,
)
def test_models_that_cannot_be_compared_are_refused_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], message: str
) -> None:
    module = types.ModuleType("of_the_user")
    vars(module).update(Odd=Odd)
    monkeypatch.setitem(sys.modules, "of_the_user", module)
    with pytest.raises(ModelError, match=message):
        graph(tmp_path, **changes)
    assert not any(tmp_path.iterdir())


def test_a_students_training_depends_on_the_live_teacher(tmp_path: Path) -> None:
    teacher, baseline, student = graph(tmp_path).models
    assert student.weights.inputs["live"] == {"hidden_mse": teacher.weights.digest}
    assert baseline.weights.inputs["live"] == {}


def saved(folder: Path, kind: str, most: int | None = None) -> dict[str, Any]:
    """A random model with one of the test tokenizers, to be taken from its folder; most: where that cuts off."""
    one = tokenizer(kind)
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    config = AutoConfig.for_model("bert", **sizes, vocab_size=len(one), pad_token_id=one.pad_token_id)
    save_model(random_model(ExtractiveQA(), config, seed=0), one, folder)
    if most is not None:
        backend = type(one.backend_tokenizer).from_file(str(folder / "tokenizer.json"))
        backend.enable_truncation(most)
        backend.enable_padding(length=most)
        backend.save(str(folder / "tokenizer.json"))
    return {"kind": "folder", "path": str(folder)}


def test_tokenizers_from_elsewhere_are_compared_by_what_they_do(tmp_path: Path) -> None:
    teacher = {"kind": "encoder", "model": saved(tmp_path / "teacher", "wordpiece")}
    changes = {"teachers": {"teacher": teacher}, "teachers__teacher__tokenizer": None, "student__tokenizer": None}
    graph(tmp_path / "runs", **changes, student__model=saved(tmp_path / "same", "wordpiece", most=48))
    with pytest.raises(ModelError, match="is not that of teacher 'teacher'"):
        graph(tmp_path / "runs", **changes, student__model=saved(tmp_path / "other", "wordpiece uncased"))
    with pytest.raises(ModelError, match="is not that of teacher 'teacher'"):
        graph(tmp_path / "runs", **{**changes, "student__tokenizer": TOKENIZER})
