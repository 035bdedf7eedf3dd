"""Models with some of another's layers."""

from typing import Any

import pytest
import torch

from distil.framework.errors import ModelError
from distil.framework.models.build import random_model
from distil.framework.models.configuration import new_config
from distil.framework.models.copies import check_layers, copy_layers
from distil.framework.models.section import ConfigModel
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.tasks.text.task import Text

TASK = ExtractiveQA()
BERT = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 16}
SEQ2SEQ = {"d_model": 16, "encoder_layers": 2, "decoder_layers": 2}
MODERN = {**BERT, "layer_types": ["full_attention", "sliding_attention", "full_attention"]}
NAMED = {"cls_token_id": 2, "sep_token_id": 3}


def config_of(architecture: str, fields: dict[str, Any]) -> Any:
    return new_config(ConfigModel(architecture=architecture, config=fields), 50, 0, NAMED)


@pytest.mark.parametrize(
    ("architecture", "fields", "layers"),
    [
        ("longformer", {**BERT, "attention_window": [4, 6, 8]}, [0, 2]),
        ("modernbert", MODERN, [0, -1]),
        ("mpt", {"d_model": 16, "n_layers": 3, "n_heads": 2, "expansion_ratio": 1}, [2]),
        ("albert", {**BERT, "embedding_size": 16}, [0]),
    ],
)
def test_layers_are_copied_with_what_a_configuration_says_of_each(
    architecture: str, fields: dict[str, Any], layers: list[int]
) -> None:
    config = config_of(architecture, fields)
    check_layers(TASK, config, layers)
    teacher = random_model(TASK, config, 0)
    student = copy_layers(TASK, teacher, layers)
    assert student.config.num_hidden_layers == len(layers)
    for name in ("attention_window", "layer_types"):
        if name in fields:
            assert getattr(student.config, name) == [fields[name][layer] for layer in layers]
    ids = torch.full((1, 12), 20)
    ids[0, [2, 5, 11]] = NAMED["sep_token_id"]  # Longformer's three
    assert torch.isfinite(TASK.logits(student.eval()(input_ids=ids))).all()


@pytest.mark.parametrize(
    ("architecture", "fields"),
    [
        ("gpt2", {"n_embd": 16, "n_layer": 3, "n_head": 2}),
        ("llama", BERT),
        ("gpt_neox", BERT),
        ("qwen2", {**BERT, "num_key_value_heads": 1}),
    ],
)
def test_causal_models_give_their_layers_to_students_of_texts(architecture: str, fields: dict[str, Any]) -> None:
    """All of them in order are the teacher again, whose head may be its embeddings."""
    task, config = Text(), config_of(architecture, fields)
    teacher = random_model(task, config, 0).eval()
    ids = torch.randint(1, 50, (2, 12), generator=torch.Generator().manual_seed(0))
    whole, some = (copy_layers(task, teacher, layers).eval() for layers in ([0, 1, 2], [0, -1]))
    check_layers(task, config, [0, -1])
    torch.testing.assert_close(task.logits(whole(input_ids=ids)), task.logits(teacher(input_ids=ids)))
    assert some.config.num_hidden_layers == 2
    assert torch.isfinite(task.logits(some(input_ids=ids))).all()


@pytest.mark.parametrize(
    ("architecture", "fields", "layers", "reason"),
    [
        ("bart", SEQ2SEQ, [0], "a bart model has layers of an encoder and of a decoder"),
        ("flaubert", {"emb_dim": 16, "n_layers": 2, "n_heads": 2}, [0], "of a flaubert model do not make another one"),
        # Its first layer alone has no norm before the attention.
        ("modernbert", MODERN, [1, 2], "of a modernbert model do not make another one.*keep layer 0 at the beginning"),
        ("modernbert", MODERN, [0, 0], "of a modernbert model do not make another one"),
        (
            "funnel",
            {"d_model": 16, "n_head": 2, "d_head": 8, "d_inner": 16, "block_sizes": [1, 1]},
            [0],
            "a funnel model",
        ),
        ("bert", BERT, [3], "the teacher's layers are 0 to 2"),
    ],
)
def test_layers_that_make_no_model_are_refused_before_there_are_weights(
    architecture: str, fields: dict[str, Any], layers: list[int], reason: str
) -> None:
    with pytest.raises(ModelError, match=reason):
        check_layers(TASK, config_of(architecture, fields), layers)
