"""Logits at some tokens alone, whatever a model's head is called and whatever follows it."""

from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from distil.framework.models.head_rows import logits_at, taken_at

_LLAMA = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "intermediate_size": 16,
}
_GPT = {"n_embd": 16, "n_layer": 1, "n_head": 2}


@pytest.mark.parametrize(
    ("architecture", "fields"),
    [
        ("gpt2", _GPT),
        ("llama", _LLAMA),
        ("gemma2", {**_LLAMA, "head_dim": 8, "final_logit_softcapping": 5.0}),  # which bends its logits
        ("gpt_neox", {name: _LLAMA[name] for name in _LLAMA if name != "num_key_value_heads"}),
        ("cohere", {**_LLAMA, "logit_scale": 0.25}),
    ],
)
def test_logits_are_those_of_the_whole_batch(architecture: str, fields: dict[str, Any]) -> None:
    torch.manual_seed(0)
    config = AutoConfig.for_model(architecture, vocab_size=40, pad_token_id=0, bos_token_id=1, eos_token_id=1, **fields)
    model = AutoModelForCausalLM.from_config(config).eval()
    ids = torch.randint(2, 40, (3, 8))
    tokens = torch.tensor([1, 2, 7, 9, 20, 23])
    with torch.inference_mode():
        whole = model(input_ids=ids).logits
        with logits_at(model, tokens):
            some = model(input_ids=ids)
        after = model(input_ids=ids).logits
    assert some.logits.shape == (1, len(tokens), 40)
    assert some.past_key_values is None
    torch.testing.assert_close(taken_at(some.logits, tokens), taken_at(whole, tokens))
    torch.testing.assert_close(after, whole)
    assert model.config.use_cache
