"""Recipes whose parts do not fit together, and what the digest and the folder hang on."""

from pathlib import Path
from typing import Any

import pytest

from distil.framework.errors import RecipeError
from distil.framework.recipe.load import recipe_from_values
from distil.framework.recipe.schema import Recipe
from tests.tiny import tiny_values

LAYERS = {"kind": "layers", "teacher": "teacher", "layers": [0]}
FOLDER = {"kind": "folder", "path": "somewhere"}


def recipe(**changes: Any) -> Recipe:
    values = tiny_values(Path("runs"), **changes)
    return recipe_from_values(values, "here")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"student": None, "losses": None}, "`baselines` is for a student"),
        ({"baselines": ["no_distillation", "no_distillation"]}, "names one twice"),
        ({"teachers__student": {"kind": "encoder", "model": FOLDER}}, "'student' cannot name a teacher"),
        ({"teachers__a/b": {"kind": "encoder", "model": FOLDER}}, "'a/b' cannot name a teacher"),
        ({"teachers__other": {"kind": "encoder", "model": FOLDER}}, "2 teachers"),
        ({"teachers__teacher__fine_tune": None}, "random weights knows nothing"),
        (
            {"teachers__teacher": {"kind": "encoder", "model": FOLDER, "split": "dev"}},
            "this one is taken as it is: drop `split`",
        ),
        ({"teachers__teacher__model": LAYERS}, "another teacher's layers"),
        ({"student__model": LAYERS}, "keeps that teacher's tokenizer: drop `tokenizer`"),
        ({"student__tokenizer": {"kind": "pretrained"}}, "has no tokenizer of its own"),
        ({"student__tokenizer": {"kind": "pretrained", "revision": "v1"}}, "revision belongs to `id`"),
        ({"student__tokenizer": {"kind": "bpe", "lower_case": True}}, "drop lower_case and strip_accents"),
        ({"student__tokenizer": {"kind": "wordpiece", "vocab_size": 10}}, "student.tokenizer.vocab_size"),
        ({"student__checkpoint_every": 0}, "checkpoint_every: input should be greater than or equal to 1"),
        ({"student__checkpoint_every": "step"}, "student.checkpoint_every"),
        ({"losses": {}}, "losses"),
        ({"losses__kl__temperature": 0.0}, "losses.kl.temperature"),
        ({"losses__kl__weight": {"start": 1.0}}, "losses.kl.weight"),
        ({"losses__kl__weight": {"start": 1.0, "end": 0.5, "middle": 1.0}}, "unknown key 'middle'"),
        ({"losses": {"jsd": {"beta": 1.0}}}, "losses.jsd.beta"),
        ({"evaluation__split": "dew"}, "did you mean 'dev'"),
        ({"name": "a b"}, "name"),
        ({"name": "../up"}, "name"),
        ({"seed": -1}, "seed"),
        ({"seed": True}, "seed"),
    ],
    ids=str,
)
def test_what_would_be_ignored_or_makes_no_sense_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        recipe(**changes)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"student": None, "losses": None, "baselines": None},
        {"teachers": None, "baselines": None, "losses": None},
        {"teachers": None, "baselines": None, "losses": {"hard_label": None}},
        {"student__model": LAYERS, "student__tokenizer": None, "baselines": None, "losses": {"hard_label": {}}},
        {"losses": {"mse_logits": None, "soft": {"kind": "kl", "temperature": 4}, "reverse_kl": {}, "jsd": {}}},
        {"losses__kl__weight": {"start": 1, "end": 0}},
        {"teachers__teacher": {"kind": "encoder", "model": FOLDER}},
        {"student__checkpoint_every": 7, "student__micro_batch": 4},
    ],
    ids=str,
)
def test_what_fits_is_taken_and_reads_back_as_itself(changes: dict[str, Any]) -> None:
    taken = recipe(**changes)
    again = recipe_from_values(taken.resolved(), "here")
    assert again == taken
    assert again.digest == taken.digest


def test_one_loss_may_stand_twice_under_names_of_its_own() -> None:
    losses = recipe(losses={"kl": None, "sharp": {"kind": "kl", "temperature": 1.0}}).losses
    assert {name: (loss.kind, loss.temperature) for name, loss in losses.items()} == {
        "kl": ("kl", 2.0),
        "sharp": ("kl", 1.0),
    }


def test_the_folder_is_named_by_the_recipe_and_what_decides_its_results(tmp_path: Path) -> None:
    first, described, rehearsed, other = (
        recipe_from_values(tiny_values(tmp_path, **changes), "here")
        for changes in ({}, {"description": "why"}, {"rehearse": True}, {"seed": 4})
    )
    assert first.run_folder == tmp_path / f"tiny-{first.digest[:8]}"
    assert described.run_folder == rehearsed.run_folder == first.run_folder
    assert other.run_folder != first.run_folder
    assert recipe().run_folder.is_absolute()


def test_a_recipe_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        recipe().seed = 5  # type: ignore[misc]
