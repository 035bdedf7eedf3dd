"""Architectures that can be generators, and those that are refused before anything is made."""

from typing import Any

import pytest

from distil.framework.errors import ModelError
from distil.framework.generative.trial import try_architecture, try_model
from distil.framework.models.build import random_model
from distil.framework.models.configuration import new_config
from distil.framework.models.kind import generator_of
from distil.framework.models.section import ConfigModel
from distil.framework.recipe.load import recipe_from_values
from distil.framework.stages.planned import check_models
from tests.framework.generative.tiny_models import FAMILIES
from tests.tiny import tiny_values

BERT = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
SIDES = {"num_encoder_attention_heads": 2, "num_decoder_attention_heads": 2, "ngram": 2}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "xlnet": ({"d_model": 32, "n_layer": 1, "n_head": 2, "d_inner": 64}, "depends on what it is asked beside it"),
    "prophetnet": (
        {"hidden_size": 32, "num_encoder_layers": 1, "num_decoder_layers": 1, **SIDES},
        "depends on what it is asked beside it",
    ),
    "roberta": ({**BERT, "is_decoder": True}, "does not rank by how probable it finds answers"),
    "olmoe": ({**BERT, "num_key_value_heads": 2, "num_experts": 2}, "selected index k out of range"),
}


def config(architecture: str, fields: dict[str, Any]) -> Any:
    return new_config(ConfigModel(architecture=architecture, config=fields), 300, 0)


@pytest.mark.parametrize("architecture", ["t5", "gpt2", "mamba", "cohere"])  # Cohere's logits are tiny
def test_what_can_be_asked_and_trained_is_let_through(architecture: str) -> None:
    found = config(architecture, FAMILIES.get(architecture, BERT))
    try_architecture(generator_of(found), found)


@pytest.mark.parametrize("architecture", list(REFUSED))
def test_what_cannot_is_refused_by_name(architecture: str) -> None:
    fields, reason = REFUSED[architecture]
    found = config(architecture, fields)
    with pytest.raises(ModelError, match=f"a {architecture} model of this configuration cannot be .*: .*{reason}"):
        try_architecture(generator_of(found), found)


def test_a_trial_leaves_a_model_as_it_was() -> None:
    found = config("gpt2", FAMILIES["gpt2"])
    model = random_model(generator_of(found), found, seed=0)
    settings = model.generation_config
    try_model(generator_of(found), model)
    assert model.generation_config is settings
    reversed_ = config("xlnet", REFUSED["xlnet"][0])
    with pytest.raises(ModelError, match="a xlnet model"):
        try_model(generator_of(reversed_), random_model(generator_of(reversed_), reversed_, seed=0))


def test_it_is_tried_before_anything_is_made(tmp_path: Any) -> None:
    teacher = {
        "kind": "generative",
        "max_answer": 4,
        "fine_tune": {},
        "tokenizer": {"kind": "wordpiece", "vocab_size": 400},
    }
    teacher["model"] = {"kind": "config", "architecture": "roberta", "config": REFUSED["roberta"][0]}
    recipe = recipe_from_values(tiny_values(tmp_path, teachers={"writer": teacher}), "a recipe")
    with pytest.raises(ModelError, match=r"^teachers\.writer: a roberta model of this configuration") as caught:
        check_models(recipe)
    # Without its size the model would be too large to be tried, which says nothing about that field.
    assert "hidden_size` is to blame" not in str(caught.value)
