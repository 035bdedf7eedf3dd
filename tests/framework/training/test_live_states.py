"""Vectors and hidden states of every supported architecture, against what the models themselves say."""

from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForQuestionAnswering

from framework.errors import ModelError
from framework.losses.attention_vectors import split_heads
from framework.losses.live import Wanted
from framework.models.configuration import new_config
from framework.models.section import ConfigModel
from framework.tasks.span_qa.task import ExtractiveQA
from framework.training.live_states import check_states, run_with_states

SIZES = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 32}
DISTILBERT = {"dim": 16, "n_layers": 3, "n_heads": 4, "hidden_dim": 32}


def model(architecture: str) -> Any:
    """A small random one whose attention weights can be asked for."""
    torch.manual_seed(0)
    fields = DISTILBERT if architecture == "distilbert" else SIZES
    config = AutoConfig.for_model(architecture, **fields, vocab_size=50, pad_token_id=0)
    return AutoModelForQuestionAnswering.from_config(config, attn_implementation="eager").eval()


def inputs() -> dict[str, torch.Tensor]:
    mask = torch.tensor([[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0]])
    types = torch.tensor([[0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 0, 0, 0]])
    ids = torch.randint(5, 50, (2, 7), generator=torch.Generator().manual_seed(1)) * mask
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}


@pytest.mark.parametrize("architecture", ["bert", "roberta", "xlm-roberta", "camembert", "electra", "distilbert"])
def test_recorded_vectors_are_those_of_which_attention_is_made(architecture: str) -> None:
    encoder, batch = model(architecture), inputs()
    output, states = run_with_states(encoder, batch, Wanted(hidden=True, attention=frozenset({0, 2})))

    if architecture == "distilbert":
        del batch["token_type_ids"]
    expected = encoder(**batch, output_attentions=True, output_hidden_states=True)
    torch.testing.assert_close(output.start_logits, expected.start_logits)
    assert (states.layers, states.heads, sorted(states.attention)) == (3, 4, [0, 2])
    assert len(states.hidden) == 4
    for found, hidden in zip(states.hidden, expected.hidden_states, strict=True):
        torch.testing.assert_close(found, hidden)
    outside = ~batch["attention_mask"].bool()[:, None, None, :]
    for layer, (queries, keys, values) in states.attention.items():
        scores = split_heads(queries, 4) @ split_heads(keys, 4).transpose(-1, -2) / 2.0
        torch.testing.assert_close(scores.masked_fill(outside, -1e30).softmax(-1), expected.attentions[layer])
        assert values.shape == (2, 7, 16)
        assert not torch.equal(values, keys)


def test_nothing_that_is_not_wanted_is_kept_and_no_hook_stays() -> None:
    encoder = model("bert")
    output, states = run_with_states(encoder, inputs(), Wanted())
    assert (states.hidden, states.attention, output.hidden_states) == ((), {}, None)
    before = sum(len(module._forward_hooks) for module in encoder.modules())
    run_with_states(encoder, inputs(), Wanted(attention=frozenset({1})))
    assert sum(len(module._forward_hooks) for module in encoder.modules()) == before


WIDTHS = {"d_model": 16, "n_head": 2, "d_head": 8, "d_inner": 16}
FEW = {"hidden_size": 16, "num_hidden_layers": 2, "intermediate_size": 16}


@pytest.mark.parametrize(
    ("architecture", "fields"),
    [
        ("fnet", FEW),  # it has no attention heads
        ("big_bird", {**FEW, "num_attention_heads": 2, "block_size": 4, "num_random_blocks": 1}),  # fills up blocks
    ],
)
def test_hidden_states_are_one_a_token_and_layer(architecture: str, fields: dict[str, Any]) -> None:
    config = new_config(ConfigModel(architecture=architecture, config=fields), 50, 0, {"sep_token_id": 3})
    check_states(ExtractiveQA(), config, Wanted(hidden=True))
    encoder = AutoModelForQuestionAnswering.from_config(config).eval()
    batch = {"input_ids": torch.full((1, 61), 20), "attention_mask": torch.ones(1, 61, dtype=torch.int64)}
    _, states = run_with_states(encoder, batch, Wanted(hidden=True))
    assert [tuple(state.shape) for state in states.hidden] == [(1, 61, 16)] * 3


@pytest.mark.parametrize(
    ("architecture", "fields"),
    [
        ("bart", {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1}),
        ("funnel", {**WIDTHS, "block_sizes": [1, 1]}),
        ("canine", {**FEW, "num_attention_heads": 2}),
    ],
)
def test_models_without_a_state_of_each_token_are_refused_before_there_are_weights(
    architecture: str, fields: dict[str, Any]
) -> None:
    config = new_config(ConfigModel(architecture=architecture, config=fields), 50, 0)
    with pytest.raises(ModelError, match=f"a {architecture} model does not compute a hidden state of every token"):
        check_states(ExtractiveQA(), config, Wanted(hidden=True))
    check_states(ExtractiveQA(), config, Wanted())
