"""Initial models."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from framework.errors import ModelError
from framework.models.build import (
    copy_layers,
    count_parameters,
    new_config,
    planned_parameters,
    pretrained_model,
    random_model,
)
from framework.models.section import ConfigModel
from framework.tasks.extractive_qa import ExtractiveQA

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
    part = {name: tensor for name, tensor in weights.items() if "layer.1." not in name}
    save_file(part, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match="not those of a whole bert model"):
        pretrained_model(TASK, tmp_path, 0)
