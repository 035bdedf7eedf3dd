"""Models that attend in another way to short texts."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from distil.framework.errors import ModelError
from distil.framework.export.onnx_files import write_onnx
from distil.framework.models.attention import hold_attention, other_attention
from distil.framework.models.build import pretrained_model, random_model
from distil.framework.models.configuration import new_config
from distil.framework.models.section import ConfigModel
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import prepare, produce
from distil.framework.tasks.span_qa.task import ExtractiveQA
from tests.tiny import tiny_values

TASK = ExtractiveQA()
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
CONFIG = new_config(
    ConfigModel(architecture="big_bird", config={**SIZES, "block_size": 4, "num_random_blocks": 1}), 100, 0
)  # which attends in full to 28 tokens at most
SHORT, LONG = torch.arange(5, 25)[None], torch.arange(5, 69)[None]


def asked(model: Any, ids: torch.Tensor, padding: int = 0) -> torch.Tensor:
    """Logits of a text that is padded by so many tokens."""
    filled = torch.nn.functional.pad(ids, (0, padding))
    with torch.inference_mode():
        logits = TASK.logits(model(input_ids=filled, attention_mask=(filled != 0).long()))
    assert logits.shape[-1] == filled.shape[1]
    return logits[..., : ids.shape[1]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    random_model(TASK, CONFIG, 0).save_pretrained(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("longest", "expected"), [(16, "original_full"), (28, "original_full"), (29, None)])
def test_how_a_model_attends_is_found_by_running_it(longest: int, expected: str | None) -> None:
    assert other_attention(TASK, CONFIG, longest) == expected


def test_most_models_do_not_choose() -> None:
    assert other_attention(TASK, new_config(ConfigModel(architecture="bert", config=SIZES), 100, 0), 16) is None


def test_shorter_texts_are_padded_for_sparse_attention(folder: Path) -> None:
    expected = asked(random_model(TASK, CONFIG, 0).eval(), SHORT, padding=9)  # just enough
    model = pretrained_model(TASK, folder).eval()
    for padding in (0, 3, 9):
        torch.testing.assert_close(asked(model, SHORT, padding), expected)
    before = asked(model, LONG)
    asked(model, SHORT)
    assert torch.equal(asked(model, LONG), before)
    assert model.bert.attention_type == "block_sparse"
    with pytest.raises(ModelError, match="attends by blocks, whose number an ONNX file would fix; use --no-onnx"):
        write_onnx(model, ("input_ids", "attention_mask"), folder / "model.onnx")


def test_a_model_that_is_held_attends_in_full_to_all_texts(folder: Path) -> None:
    model = pretrained_model(TASK, folder)
    hold_attention(model, "original_full")
    model.save_pretrained(folder)
    held, alone = pretrained_model(TASK, folder).eval(), random_model(TASK, CONFIG, 0).eval()
    assert held.config.attention_type == "original_full"
    torch.testing.assert_close(asked(held, SHORT, padding=20), asked(alone, SHORT))  # which changes for good
    torch.testing.assert_close(asked(held, LONG), asked(alone, LONG))


def test_windows_decide_how_a_model_of_a_run_attends(tmp_path: Path) -> None:
    def prepared(longest: int) -> tuple[str, str]:
        """How the teacher is saved before it is trained, and the digest of that."""
        fields = {**SIZES, "block_size": 4, "num_random_blocks": 1}
        values = tiny_values(tmp_path, windows={"max_length": longest, "doc_stride": 4, "max_question": 8})
        values["teachers"]["teacher"]["model"] |= {"architecture": "big_bird", "config": fields}
        context, graph = prepare(recipe_from_values(values, "here"))
        tokenizer, initial, *_ = graph.models[0].making
        produce(context, tokenizer)
        made = produce(context, initial).folder
        return json.loads((made / "model/config.json").read_text())["attention_type"], initial.digest

    short, long = prepared(28), prepared(40)
    assert (short[0], long[0]) == ("original_full", "block_sparse")
    assert short[1] != long[1]
