"""How far below the head parameters lie, in architectures that call their layers in every way."""

from typing import Any

import pytest
import torch

from distil.framework.errors import ModelError
from distil.framework.models.configuration import new_config
from distil.framework.models.kind import Generator, ModelKind
from distil.framework.models.layers import distances_from_head
from distil.framework.models.section import ConfigModel
from distil.framework.models.weightless import weightless_model
from distil.framework.tasks.span_qa.task import ExtractiveQA

QA, DECODER, SEQ2SEQ = ExtractiveQA(), Generator(encoder_decoder=False), Generator(encoder_decoder=True)
BERT = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 16}
XLM = {"emb_dim": 16, "n_layers": 3, "n_heads": 2}
BART = {"d_model": 16, "encoder_layers": 3, "decoder_layers": 2, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16}
T5 = {"d_model": 16, "num_layers": 3, "num_decoder_layers": 2, "num_heads": 2, "d_kv": 8, "d_ff": 16}
FUNNEL = {"d_model": 16, "block_sizes": [1, 2], "n_head": 2, "d_head": 8, "d_inner": 16, "num_decoder_layers": 1}


def model_of(kind: ModelKind, architecture: str, fields: dict[str, Any]) -> Any:
    named = {"cls_token_id": 2, "sep_token_id": 3}
    return weightless_model(kind, new_config(ConfigModel(architecture=architecture, config=fields), 50, 0, named))


@pytest.mark.parametrize(
    ("kind", "architecture", "fields", "expected"),
    [
        (
            QA,
            "bert",
            BERT,
            {
                "qa_outputs.weight": 0,
                "bert.encoder.layer.2.output.dense.weight": 1,
                "bert.encoder.layer.0.attention.self.query.bias": 3,
                "bert.embeddings.position_embeddings.weight": 4,
                "bert.embeddings.LayerNorm.bias": 4,
            },
        ),
        # Its head comes before its body.
        (QA, "xlm-roberta", BERT, {"qa_outputs.weight": 0, "roberta.embeddings.LayerNorm": 4, "layer.0.output": 3}),
        (QA, "electra", {**BERT, "embedding_size": 8}, {"qa_outputs.bias": 0, "electra.embeddings_project.weight": 4}),
        (
            QA,
            "xlm",  # whose layers are items of several lists
            XLM,
            {
                "attentions.0.q_lin.weight": 3,
                "ffns.2.lin1.bias": 1,
                "layer_norm1.1.weight": 2,
                "layer_norm_emb.bias": 4,
            },
        ),
        (QA, "funnel", FUNNEL, {"encoder.blocks.0.0.ffn": 3, "encoder.blocks.1.1.ffn": 1, "word_embeddings": 4}),
        (
            DECODER,
            "gpt2",
            {"n_embd": 16, "n_layer": 3, "n_head": 2},
            {"ln_f.weight": 0, "h.0.ln_1": 3, "wte": 4, "wpe": 4},
        ),
        (DECODER, "llama", BERT, {"lm_head.weight": 0, "layers.2.mlp": 1, "model.norm.weight": 0, "embed_tokens": 4}),
        (
            QA,
            "bart",
            BART,
            {"encoder.layers.0.fc1": 3, "decoder.layers.0.fc1": 2, "shared": 4, "encoder.layernorm_embedding": 4},
        ),
        (
            SEQ2SEQ,
            "t5",
            T5,
            {"encoder.block.0.": 3, "encoder.final": 0, "decoder.block.0.": 2, "decoder.block.1": 1, "shared": 4},
        ),
    ],
)
def test_layers_are_counted_from_the_head_and_embeddings_lie_below_them(
    kind: ModelKind, architecture: str, fields: dict[str, Any], expected: dict[str, int]
) -> None:
    found = distances_from_head(model_of(kind, architecture, fields))
    for part, distance in expected.items():
        here = {name: value for name, value in found.items() if part in name}
        assert here, part
        assert set(here.values()) == {distance}, here
    assert set(found.values()) == set(range(5))


def test_what_stands_beside_a_model_learns_as_its_head_does() -> None:
    model = model_of(QA, "bert", BERT)
    around = torch.nn.ModuleDict({"student": model, "projections": torch.nn.ModuleList([torch.nn.Linear(2, 2)] * 3)})
    found = distances_from_head(around)
    assert {name.removeprefix("student."): value for name, value in found.items() if name.startswith("student.")} == (
        distances_from_head(model)
    )
    assert {value for name, value in found.items() if name.startswith("projections.")} == {0}


def test_layers_that_cannot_be_told_are_refused() -> None:
    with pytest.raises(
        ModelError, match=r"layer_decay: cannot tell the layers of a albert model.*says 3.*drop layer_decay"
    ):
        distances_from_head(model_of(QA, "albert", {**BERT, "embedding_size": 8}))
    with pytest.raises(ModelError, match="layer_decay is for models of transformers"):
        distances_from_head(torch.nn.Linear(2, 2))
