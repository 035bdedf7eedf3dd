"""Gradient checkpointing: the same gradients with less kept for them."""

from typing import Any

import pytest
import torch

from distil.framework.errors import ModelError
from distil.framework.models.build import random_model
from distil.framework.models.checkpointing import checkpoint_gradients
from distil.framework.models.configuration import new_config
from distil.framework.models.kind import Generator, ModelKind
from distil.framework.models.section import ConfigModel
from distil.framework.tasks.span_qa.task import ExtractiveQA

QA, DECODER, SEQ2SEQ = ExtractiveQA(), Generator(encoder_decoder=False), Generator(encoder_decoder=True)
BERT = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 16}
T5 = {"d_model": 16, "num_layers": 2, "num_heads": 2, "d_kv": 8, "d_ff": 16}


def model_of(kind: ModelKind, architecture: str, fields: dict[str, Any]) -> Any:
    return random_model(kind, new_config(ConfigModel(architecture=architecture, config=fields), 50, 0, {}), 0).train()


def gradients(model: Any) -> tuple[dict[str, torch.Tensor], int]:
    """Of a loss with dropout, and how many tensors were kept on the way to it."""
    kept = 0

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal kept
        kept += 1
        return tensor

    torch.manual_seed(0)
    ids = torch.randint(4, 50, (2, 8))
    more = {"decoder_input_ids": ids} if model.config.is_encoder_decoder else {}
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = model(input_ids=ids, **more)
    logits = output.start_logits if "start_logits" in output else output.logits
    model.zero_grad()
    logits.square().sum().backward()
    return {name: one.grad for name, one in model.named_parameters() if one.grad is not None}, kept


@pytest.mark.parametrize(
    ("kind", "architecture", "fields"),
    [
        (QA, "bert", BERT),
        (QA, "distilbert", {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 16}),
        (DECODER, "gpt2", {"n_embd": 16, "n_layer": 2, "n_head": 2}),
        (SEQ2SEQ, "t5", T5),
    ],
)
def test_gradients_are_the_same_and_less_is_kept(kind: ModelKind, architecture: str, fields: dict[str, Any]) -> None:
    model = model_of(kind, architecture, fields)
    plain, kept = gradients(model)
    checkpoint_gradients(model)
    found, fewer = gradients(model)
    assert found.keys() == plain.keys()
    for name, gradient in plain.items():  # rounded otherwise on some processors; other dropout would be seen
        torch.testing.assert_close(found[name], gradient, rtol=0, atol=float(1e-5 * gradient.abs().max()) + 1e-9)
    assert fewer < kept


def test_a_model_that_cannot_is_refused() -> None:
    told = r"gradient_checkpointing: a flaubert model cannot .*; drop gradient_checkpointing, and lower micro_batch"
    with pytest.raises(ModelError, match=told):
        checkpoint_gradients(model_of(QA, "flaubert", {"emb_dim": 16, "n_layers": 2, "n_heads": 2}))
