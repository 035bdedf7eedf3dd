"""Initial models."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from distil.framework.errors import ModelError
from distil.framework.models.bounds import count_parameters
from distil.framework.models.build import planned_parameters, pretrained_model, random_model
from distil.framework.models.configuration import new_config
from distil.framework.models.copies import copy_layers
from distil.framework.models.section import ConfigModel
from distil.framework.tasks.span_qa.task import ExtractiveQA

TASK = ExtractiveQA()
SIZES = {
    "bert": {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 64},
    "distilbert": {"dim": 32, "n_layers": 3, "n_heads": 2, "hidden_dim": 64},
    "roberta": {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 64},
}


def model(architecture: str, seed: int = 0) -> torch.nn.Module:
    return random_model(
        TASK, new_config(ConfigModel(architecture=architecture, config=SIZES[architecture]), 100, 0), seed
    )


def logits(built: torch.nn.Module) -> torch.Tensor:
    with torch.inference_mode():
        return TASK.logits(built.eval()(input_ids=torch.arange(5, 25).view(2, 10)))


@pytest.mark.parametrize("architecture", SIZES)
def test_a_copy_of_all_layers_is_the_teacher_and_of_some_is_not(architecture: str) -> None:
    teacher = model(architecture)
    assert torch.equal(logits(copy_layers(TASK, teacher, [0, 1, 2])), logits(teacher))
    assert torch.equal(logits(copy_layers(TASK, teacher, [0, 1, -1])), logits(teacher))
    fewer = copy_layers(TASK, teacher, [0, 2])
    assert count_parameters(fewer) < count_parameters(teacher)
    assert planned_parameters(TASK, fewer.config) == count_parameters(fewer)
    with pytest.raises(ModelError, match=r"\[3\] asked for"):
        copy_layers(TASK, teacher, [0, 3])


def test_a_copy_keeps_the_kinds_of_its_layers() -> None:
    """Architectures such as ModernBERT say for each layer which attention it has."""
    sizes = {**SIZES["bert"], "layer_types": ["full_attention", "sliding_attention", "full_attention"]}
    special = dict.fromkeys(("bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id"), 1)
    config = new_config(ConfigModel(architecture="modernbert", config={**sizes, **special}), 100, 0)
    teacher = random_model(TASK, config, 0)
    assert copy_layers(TASK, teacher, [0, -2]).config.layer_types == ["full_attention", "sliding_attention"]
    assert torch.equal(logits(copy_layers(TASK, teacher, [0, 1, 2])), logits(teacher))


@pytest.mark.parametrize("layers", [[2, 1], [0, 0]])
def test_layers_are_copied_in_the_order_given(layers: list[int]) -> None:
    teacher = model("bert")
    copy = copy_layers(TASK, teacher, layers)
    for new, old in enumerate(layers):
        for name, tensor in copy.bert.encoder.layer[new].state_dict().items():
            assert torch.equal(tensor, teacher.bert.encoder.layer[old].state_dict()[name])
    assert torch.equal(copy.qa_outputs.weight, teacher.qa_outputs.weight)
    copy.qa_outputs.weight.data.zero_()
    assert teacher.qa_outputs.weight.abs().sum() > 0


@pytest.mark.parametrize(
    ("architecture", "config", "message"),
    [
        ("berd", {}, "no architecture 'berd'"),
        ("bert", {"hiden_size": 32}, "did you mean 'hidden_size'"),
        ("distilbert", {"hidden_dims": 32}, "did you mean 'hidden_dim'"),
        ("bert", {"vocab_size": 10}, "vocab_size come from the tokenizer"),
        ("bert", {"pad_token_id": 1, "vocab_size": 10}, "pad_token_id, vocab_size come from the tokenizer"),
        ("bert", {"hidden_size": "wide"}, "config of architecture 'bert'"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(architecture: str, config: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        new_config(ConfigModel(architecture=architecture, config=config), 100, 0)


def test_a_model_that_cannot_be_is_refused() -> None:
    config = new_config(ConfigModel(architecture="bert", config={**SIZES["bert"], "num_attention_heads": 5}), 100, 0)
    for build in (lambda: random_model(TASK, config, 0), lambda: planned_parameters(TASK, config)):
        with pytest.raises(ModelError, match="cannot build a bert model for task extractive_qa"):
            build()
    vision = new_config(ConfigModel(architecture="clip_vision_model"), 100, 0)
    with pytest.raises(ModelError, match="cannot build a clip_vision_model model"):
        random_model(TASK, vision, 0)


def test_random_weights_follow_the_seed_and_nothing_else() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = model("bert", seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    assert torch.equal(logits(first), logits(model("bert", seed=1)))
    assert not torch.equal(logits(first), logits(model("bert", seed=2)))


def test_only_a_head_may_be_missing(tmp_path: Path) -> None:
    whole = model("bert")
    whole.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    without_head = {name: tensor for name, tensor in weights.items() if not name.startswith("qa_outputs")}
    save_file(without_head, tmp_path / "model.safetensors", {"format": "pt"})
    first, second, other = (pretrained_model(TASK, tmp_path, seed) for seed in (1, 1, 2))
    assert torch.equal(logits(first), logits(second))
    assert not torch.equal(logits(first), logits(other))
    with pytest.raises(ModelError, match=r"not trained for task extractive_qa: it has no qa_outputs\.bias"):
        pretrained_model(TASK, tmp_path)
    part = {name: tensor for name, tensor in weights.items() if "layer.1." not in name}
    save_file(part, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match="not those of a whole bert model"):
        pretrained_model(TASK, tmp_path, 0)
