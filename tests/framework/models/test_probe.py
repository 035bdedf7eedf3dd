"""How many tokens a model reads: what is found by asking a model without weights holds for one with weights."""

from typing import Any

import pytest
import torch

from distil.framework.errors import ModelError
from distil.framework.models import probe
from distil.framework.models.build import random_model
from distil.framework.models.configuration import new_config
from distil.framework.models.probe import check_reads_text, most_tokens
from distil.framework.models.section import ConfigModel
from distil.framework.tasks.span_qa.task import ExtractiveQA

TASK = ExtractiveQA()
WANTED = 60
BERT = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
TABLE = {**BERT, "max_position_embeddings": 40}
DEBERTA = {**TABLE, "relative_attention": True, "pos_att_type": ["p2c", "c2p"]}
# Fields of a configuration, the number of the padding token, and how many tokens the model reads.
FOUND: dict[str, tuple[str, dict[str, Any], int, int]] = {
    "a table": ("bert", TABLE, 0, 40),
    "from the padding token on": ("roberta", TABLE, 3, 36),
    "from a padding token of its own": ("mpnet", TABLE, 0, 38),
    "further families like RoBERTa": ("ibert", TABLE, 1, 38),
    "decoder": ("gpt2", {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 40}, 0, 40),
    "encoder and decoder": (
        "bart",
        {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "max_position_embeddings": 40},
        1,
        40,
    ),
    "relative and a table": ("deberta-v2", DEBERTA, 0, 40),
    "relative": ("deberta-v2", {**DEBERTA, "position_biased_input": False}, 0, WANTED),
    "buckets, as DeBERTa-v3": (
        "deberta-v2",
        {**DEBERTA, "position_biased_input": False, "position_buckets": 16, "share_att_key": True},
        0,
        WANTED,
    ),
    "no limit, whose configuration says -1": (
        "xlnet",
        {"d_model": 16, "n_layer": 1, "n_head": 2, "d_inner": 16},
        0,
        WANTED,
    ),
    "three separators": ("longformer", {**TABLE, "attention_window": 8}, 1, 38),
}


@pytest.mark.parametrize(("architecture", "fields", "pad", "most"), FOUND.values(), ids=FOUND)
def test_a_model_reads_as_much_as_it_says_and_no_more(
    architecture: str, fields: dict[str, Any], pad: int, most: int
) -> None:
    config = new_config(ConfigModel(architecture=architecture, config=fields), 50, pad, {"sep_token_id": 4})
    check_reads_text(TASK, config)
    assert most_tokens(TASK, config, WANTED) == most
    assert most_tokens(TASK, config, 10) == 10
    model = random_model(TASK, config, 0).eval()
    logits(model, most)
    if most < WANTED:
        with pytest.raises((IndexError, RuntimeError)):
            logits(model, most + 1)


def logits(model: Any, length: int) -> torch.Tensor:
    ids = torch.full((1, length), 20)
    ids[0, [3, 4, -1]] = 4
    with torch.inference_mode():
        return TASK.logits(model(input_ids=ids, attention_mask=torch.ones_like(ids)))


def test_positions_that_were_not_learnt_are_not_read() -> None:
    """A model that turns its vectors by position computes any, and makes nothing of those beyond its training."""
    fields = {**BERT, "num_key_value_heads": 2, "max_position_embeddings": 40}
    assert most_tokens(TASK, new_config(ConfigModel(architecture="llama", config=fields), 50, 0), WANTED) == 40


@pytest.mark.parametrize(
    ("scaling", "most"),
    [
        ({"rope_type": "linear", "factor": 1.5}, 60),
        ({"rope_type": "dynamic", "factor": 2.0}, 80),
        ({"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 40}, 80),
        ({"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 20}, 40),  # said already
        (
            {
                "rope_type": "llama3",
                "factor": 4.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 10,
            },
            40,
        ),
    ],
)
def test_positions_that_a_model_scales_by_a_factor_are_read(scaling: dict[str, Any], most: int) -> None:
    rope = {**scaling, "rope_theta": 10_000.0}
    fields = {**BERT, "num_key_value_heads": 2, "max_position_embeddings": 40, "rope_parameters": rope}
    assert most_tokens(TASK, new_config(ConfigModel(architecture="llama", config=fields), 50, 0), 100) == most


def test_a_model_of_any_size_is_asked_without_weights() -> None:
    large = {"hidden_size": 8192, "num_hidden_layers": 3, "num_attention_heads": 64, "intermediate_size": 65536}
    assert most_tokens(TASK, new_config(ConfigModel(architecture="bert", config=large), 200_000, 0), 600) == 512


def test_asking_draws_no_random_numbers() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    config = new_config(ConfigModel(architecture="bert", config={**TABLE, "hidden_size": 18}), 50, 0)
    check_reads_text(TASK, config)
    most_tokens(TASK, config, WANTED)
    assert torch.equal(torch.rand(3), expected)


REFORMER = {"hidden_size": 16, "num_attention_heads": 2, "attention_head_size": 8, "feed_forward_size": 16}


@pytest.mark.parametrize(
    ("architecture", "fields", "reason"),
    [
        ("lxmert", {**BERT, "l_layers": 1, "x_layers": 1, "r_layers": 1}, "visual_feats"),
        ("reformer", {**REFORMER, "axial_pos_embds_dim": [8, 8], "attn_layers": ["local"]}, "multipl"),
    ],
)
def test_a_model_that_does_not_read_any_text_is_refused(architecture: str, fields: Any, reason: str) -> None:
    config = new_config(ConfigModel(architecture=architecture, config=fields), 50, 0)
    with pytest.raises(
        ModelError, match=f"a {architecture} model cannot be trained on 15 tokens of text alone.*{reason}"
    ):
        check_reads_text(TASK, config)


def test_copies_of_a_model_are_asked_once() -> None:
    config = new_config(ConfigModel(architecture="bert", config=TABLE), 51, 0)
    copy = new_config(ConfigModel(architecture="bert", config=TABLE), 51, 0)
    copy.name_or_path, copy.architectures = "elsewhere", ["BertForQuestionAnswering"]
    before = probe._most_tokens.cache_info().misses
    assert most_tokens(TASK, config, WANTED) == most_tokens(TASK, copy, WANTED) == 40
    assert probe._most_tokens.cache_info().misses == before + 1
