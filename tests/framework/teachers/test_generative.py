"""The section of generative teachers, and the models that they may have."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError
from safetensors.torch import load_file, save_file

from distil.framework.errors import ModelError
from distil.framework.models.bounds import count_parameters
from distil.framework.models.build import planned_parameters, pretrained_model
from distil.framework.models.configuration import new_config
from distil.framework.models.probe import most_tokens
from distil.framework.models.section import ConfigModel
from distil.framework.models.tokenizers import load_model_tokenizer
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.teachers import AnyTeacher
from distil.framework.teachers.generative import Generative
from tests.framework.generative.tiny_models import SIZES, examples, inference, saved, section

QUESTIONS = examples(8, persons=1)


def test_a_recipe_names_it_by_its_kind() -> None:
    values = section("t5").model_dump(mode="json")
    teacher = TypeAdapter(AnyTeacher).validate_python(values)
    assert isinstance(teacher, Generative)
    assert teacher.takes_proposals


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"beams": 0}, "greater than or equal to 1"),
        ({"model": {"kind": "config", "architecture": "t5", "config": {"eos_token_id": 3}}}, "come from the tokenizer"),
        ({"fine_tune": None}, "a teacher with random weights knows nothing"),
        ({"beam": 3}, "did you mean 'beams'"),
    ],
)
def test_what_cannot_be_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        section("t5", **fields)


@pytest.mark.parametrize("architecture", SIZES)
def test_its_model_is_planned_and_built_alike(architecture: str, tmp_path: Path) -> None:
    teacher = section(architecture)
    saved(teacher, tmp_path, QUESTIONS)
    predictor = teacher.predictor(tmp_path, inference())
    assert isinstance(teacher.model, ConfigModel)
    config = new_config(teacher.model, len(load_model_tokenizer(tmp_path)), 0)
    kind = teacher.model_kind(ExtractiveQA(), config)
    assert planned_parameters(kind, config) == predictor.parameters
    assert most_tokens(kind, config, 1000) == {"t5": 1000, "gpt2": 256}[architecture]


@pytest.mark.parametrize("architecture", ["bert", "distilbert", "clip_vision_model", "whisper"])
def test_a_model_that_does_not_write_is_refused(architecture: str) -> None:
    config = new_config(ConfigModel(architecture=architecture), 100, 0)
    with pytest.raises(ModelError, match=f"a {architecture} model does not write text"):
        section("t5").model_kind(ExtractiveQA(), config)


def test_a_checkpoint_of_the_body_alone_is_whole_and_a_part_of_it_is_not(tmp_path: Path) -> None:
    """GPT-2 on the hub has neither its head, which is tied, nor the prefix of its body."""
    teacher = section("gpt2")
    saved(teacher, tmp_path, QUESTIONS)
    before = teacher.predictor(tmp_path, inference()).predict(QUESTIONS[:2])
    path = tmp_path / "model.safetensors"
    weights = {name.removeprefix("transformer."): tensor for name, tensor in load_file(path).items()}
    weights.pop("lm_head.weight", None)
    save_file(weights, path, {"format": "pt"})
    assert teacher.predictor(tmp_path, inference()).predict(QUESTIONS[:2]) == before
    weights.pop("h.1.ln_1.weight")
    save_file(weights, path, {"format": "pt"})
    with pytest.raises(ModelError, match="not those of a whole gpt2 model"):
        teacher.predictor(tmp_path, inference())


def test_an_encoder_decoder_without_its_encoder_is_refused(tmp_path: Path) -> None:
    teacher = section("t5")
    saved(teacher, tmp_path, QUESTIONS)
    path = tmp_path / "model.safetensors"
    weights = {name: tensor for name, tensor in load_file(path).items() if not name.startswith("encoder.block.0")}
    save_file(weights, path, {"format": "pt"})
    with pytest.raises(ModelError, match="not those of a whole t5 model"):
        teacher.predictor(tmp_path, inference())


@pytest.mark.parametrize("architecture", SIZES)
def test_others_generate_alike_with_a_saved_model(architecture: str, tmp_path: Path) -> None:
    """The configuration beside a model of the recipe's own says where texts begin and end."""
    teacher = section(architecture)
    tokenizer = load_model_tokenizer(saved(teacher, tmp_path, QUESTIONS))
    model = pretrained_model(teacher.model_kind(ExtractiveQA(), _config(tmp_path)), tmp_path, 0)
    assert model.config.eos_token_id == model.generation_config.eos_token_id == tokenizer.sep_token_id
    assert model.generation_config.pad_token_id == tokenizer.pad_token_id
    if architecture == "t5":
        assert model.generation_config.decoder_start_token_id == tokenizer.pad_token_id
    assert count_parameters(model) == teacher.predictor(tmp_path, inference()).parameters


def _config(folder: Path) -> Any:
    from distil.framework.models.configuration import read_config

    return read_config(folder)
