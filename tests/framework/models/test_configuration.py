"""Configurations that recipes spell out."""

import pytest

from distil.framework.errors import ModelError
from distil.framework.models.configuration import new_config
from distil.framework.models.section import ConfigModel
from tests.versions import needs_transformers

GEMMA = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1}


def test_the_vocabulary_goes_to_every_part_that_reads_or_writes_text() -> None:
    multimodal = new_config(ConfigModel(architecture="gemma3", config={"text_config": GEMMA}), 300, 5)
    assert (multimodal.text_config.vocab_size, multimodal.text_config.pad_token_id) == (300, 5)
    assert multimodal.text_config.hidden_size == 32
    assert multimodal.get_text_config().vocab_size == 300
    of_languages = new_config(ConfigModel(architecture="fsmt", config={"langs": ["ru", "ru"]}), 300, 5)
    assert (of_languages.src_vocab_size, of_languages.tgt_vocab_size) == (300, 300)
    assert new_config(ConfigModel(architecture="marian"), 300, 5).decoder_vocab_size == 300


@needs_transformers("5.20")
def test_the_vocabulary_goes_to_both_parts_of_a_pair() -> None:
    pair = new_config(ConfigModel(architecture="encoder-decoder", config={"encoder": {"hidden_size": 48}}), 300, 5)
    assert (pair.encoder.vocab_size, pair.decoder.vocab_size, pair.pad_token_id) == (300, 300, 5)
    assert (pair.encoder.hidden_size, pair.decoder.is_decoder, pair.decoder.add_cross_attention) == (48, True, True)


def test_an_architecture_that_has_to_be_told_its_parts_is_not_called_unknown() -> None:
    with pytest.raises(ModelError, match=r"transformers .+ has no values of its own for 'nougat' \(.+\); use a saved"):
        new_config(ConfigModel(architecture="nougat"), 300, 0)


def test_tokens_beyond_the_vocabulary_are_not_kept() -> None:
    assert new_config(ConfigModel(architecture="cwm"), 300, 5).eos_token_id == 5  # a list of three that it has to have
    assert new_config(ConfigModel(architecture="marian"), 300, 5).decoder_start_token_id == 5
    assert new_config(ConfigModel(architecture="bart"), 300, 5).eos_token_id == 2
    assert new_config(ConfigModel(architecture="modernbert-decoder"), 300, 5).bos_token_id == 5  # it has to have one


@pytest.mark.parametrize(
    ("architecture", "fields", "message"),
    [
        ("gemma3", {"text_config": {"vocab_size": 7}}, "text_config: vocab_size come from the tokenizer"),
        ("fsmt", {"src_vocab_size": 7}, "src_vocab_size come from the tokenizer"),
        (
            "gemma3",
            {"text_config": {"hiden_size": 7}},
            "text_config: unknown field 'hiden_size'; did you mean 'hidden_size'",
        ),
        ("gemma3", {"text_config": 7}, "text_config is 7; expected the fields of a configuration"),
        pytest.param(
            "encoder-decoder",
            {"encoder": {"model_type": "brt"}},
            "knows no architecture 'brt'",
            marks=needs_transformers("5.20"),
        ),
    ],
)
def test_fields_of_parts_are_checked_like_others(architecture: str, fields: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        new_config(ConfigModel(architecture=architecture, config=fields), 300, 0)


def test_fields_that_only_the_code_of_an_architecture_reads_are_known() -> None:
    fields = {"position_buckets": 16, "share_att_key": True, "norm_rel_ebd": "layer_norm"}
    config = new_config(ConfigModel(architecture="deberta-v2", config=fields), 300, 0)
    assert {name: getattr(config, name) for name in fields} == fields
    with pytest.raises(ModelError, match="did you mean 'position_buckets'"):
        new_config(ConfigModel(architecture="deberta-v2", config={"position_bucket": 16}), 300, 0)


def test_further_tokens_are_named_where_an_architecture_has_them() -> None:
    named = {"cls_token_id": 2, "sep_token_id": 3}
    longformer = new_config(ConfigModel(architecture="longformer"), 300, 0, named)
    assert (longformer.sep_token_id, longformer.pad_token_id) == (3, 0)
    assert not hasattr(new_config(ConfigModel(architecture="bert"), 300, 0, named), "cls_token_id")
    assert new_config(ConfigModel(architecture="t5"), 300, 7).decoder_start_token_id == 7
