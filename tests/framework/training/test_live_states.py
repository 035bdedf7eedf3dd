"""Vectors and hidden states of every supported architecture, against what the models themselves say."""

from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForQuestionAnswering

from framework.losses.attention_vectors import split_heads
from framework.losses.live import Wanted
from framework.training.live_states import run_with_states

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
