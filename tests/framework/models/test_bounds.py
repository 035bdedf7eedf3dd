"""What a model may be at most."""

from pathlib import Path

import pytest

from distil.framework.errors import ModelError
from distil.framework.models.bounds import TooLarge, check_room_to_train, check_sizes
from distil.framework.models.build import planned_parameters, pretrained_model, random_model
from distil.framework.models.configuration import new_config
from distil.framework.models.section import ConfigModel
from distil.framework.tasks.span_qa.task import ExtractiveQA

TASK = ExtractiveQA()
CONFIG = new_config(
    ConfigModel(
        architecture="bert",
        config={"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64},
    ),
    100,
    0,
)


def test_what_the_memory_has_no_room_for_is_refused_before_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = random_model(TASK, CONFIG, 0)
    model.save_pretrained(tmp_path)
    size = sum(parameter.numel() for parameter in model.parameters())

    monkeypatch.setattr("distil.framework.models.bounds.free_memory", lambda: 4 * size)
    random_model(TASK, CONFIG, 0)
    pretrained_model(TASK, tmp_path, 0)
    monkeypatch.setattr("distil.framework.models.bounds.free_memory", lambda: 4 * size - 1)
    with pytest.raises(TooLarge, match=r"a bert model .* GB of this machine's memory are free; take a smaller model"):
        random_model(TASK, CONFIG, 0)
    with pytest.raises(TooLarge, match=r"the model in .* takes 0\.0 GB, and"):
        pretrained_model(TASK, tmp_path, 0)
    assert planned_parameters(TASK, CONFIG) == size  # which takes no room

    monkeypatch.setattr("distil.framework.models.bounds.free_memory", lambda: 12 * size)
    check_room_to_train(model, "fp32", 0, 1)
    with pytest.raises(ModelError, match=r"to train 0\.00 billion parameters takes"):
        check_room_to_train(model, "bf16", 0, 1)
    check_room_to_train(model, "bf16", 3, 2)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"hidden_size": -7}, "hidden_size is -7; expected 1 at least"),
        ({"text_config": {"decoder_layers": 0}}, "text_config: decoder_layers is 0"),
        ({"n_layer": -1}, "n_layer is -1"),
    ],
)
def test_sizes_that_are_none(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        check_sizes(fields, "a configuration")


def test_sizes_that_say_no_limit_or_none_of_a_kind() -> None:
    check_sizes({"max_position_embeddings": -1, "num_kv_shared_layers": 0, "chunk_size_feed_forward": 0}, "another")
