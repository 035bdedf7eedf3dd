"""ONNX files of causal models say and write what the models do."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, DynamicCache

from distil.framework.errors import ModelError
from distil.framework.export.compare import compare_forms
from distil.framework.export.forms import Forms, make_forms
from distil.framework.export.onnx_decoder import open_decoder, write_decoder
from distil.framework.tasks.text.example import Written
from distil.framework.tasks.text.predictor import TextPredictor
from distil.framework.tasks.text.reading import TextReader
from distil.framework.tasks.text.task import Text
from tests.framework.tasks.text.writers import ASKED, PROMPTS, writer
from tests.versions import before

pytest.importorskip("onnxruntime")
if before("5.23"):
    pytest.skip("it takes transformers 5.23", allow_module_level=True)

EXAMPLES = [Written(str(number), prompt, f" {prompt[:5]}, isn't it?") for number, prompt in enumerate(PROMPTS)]


@pytest.fixture(scope="module")
def predictor() -> TextPredictor:
    asked = writer("llama")
    reader = TextReader(asked.prompter, asked.table, 64)
    task = Text.model_validate({"kind": "text", "generation": {"max_new_tokens": 12}})
    return TextPredictor(asked.model, reader, replace(asked.inference, task=task), task)


@pytest.fixture(scope="module")
def forms(predictor: TextPredictor, tmp_path_factory: pytest.TempPathFactory) -> Forms:
    return make_forms(predictor, tmp_path_factory.mktemp("onnx"), EXAMPLES[0], with_onnx=True)


@pytest.fixture(scope="module")
def model(predictor: TextPredictor) -> Any:
    return predictor.model


@pytest.fixture(scope="module")
def files(forms: Forms) -> tuple[Path, Path]:
    assert forms.problems == []
    return forms.files["onnx"][0], forms.files["int8"][0]


def test_forms_are_compared_by_tokens_and_by_what_they_write(forms: Forms) -> None:
    found, failed = compare_forms({name: opens(1) for name, opens in forms.opening.items()}, EXAMPLES, 20, 0)
    torch_form, onnx, int8 = found["torch"], found["onnx"], found["int8"]
    assert failed == {}
    assert onnx["bits_per_byte"] == pytest.approx(torch_form["bits_per_byte"], abs=1e-4)
    assert (onnx["different_answers"], onnx["largest_difference"] < 1e-3) == (0, True)
    assert 1e-3 < int8["largest_difference"] < 3
    assert 0 <= torch_form["exact_match"] == onnx["exact_match"]


@pytest.mark.parametrize(("count", "length"), [(1, 1), (3, 17), (2, 40)])
def test_logits_are_the_models_for_any_batch_and_length(
    model: Any, files: tuple[Path, Path], count: int, length: int
) -> None:
    decoder = open_decoder(files[0], model, 1)
    ids = torch.randint(1, 300, (count, length), generator=torch.Generator().manual_seed(length))
    mask = torch.ones_like(ids)
    mask[-1, : length // 2] = 0
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    with torch.inference_mode():
        expected = model(input_ids=ids, attention_mask=mask, position_ids=positions).logits
        found = decoder(input_ids=ids, attention_mask=mask, position_ids=positions).logits
    assert torch.where(mask[..., None] > 0, found - expected, 0).abs().max() < 1e-4


def test_it_remembers_what_it_has_read(model: Any, files: tuple[Path, Path]) -> None:
    decoder = open_decoder(files[0], model, 1)
    ids = torch.arange(1, 13)[None]
    with torch.inference_mode():
        whole = model(input_ids=ids).logits
        cache, parts = DynamicCache(), []
        for begin, end in ((0, 5), (5, 6), (6, 12)):
            parts.append(decoder(input_ids=ids[:, begin:end], past_key_values=cache, use_cache=True).logits)
    assert cache.get_seq_length() == 12
    assert (torch.cat(parts, 1) - whole).abs().max() < 1e-4


def test_it_writes_what_the_model_writes(model: Any, files: tuple[Path, Path]) -> None:
    expected = [text for (text,) in writer("llama").write(ASKED)]
    found = [text for (text,) in replace(writer("llama"), model=open_decoder(files[0], model, 1)).write(ASKED)]
    assert [text.text for text in found] == [text.text for text in expected]
    assert [text.log_p for text in found] == pytest.approx([text.log_p for text in expected], abs=1e-3)


def test_the_names_are_those_of_optimum(model: Any, files: tuple[Path, Path]) -> None:
    for file in files:
        session = open_decoder(file, model, 1).session
        taken = {one.name: one.shape for one in session.get_inputs()}
        given = {one.name: one.shape for one in session.get_outputs()}
        remembered = [f"{layer}.{part}" for layer in range(1) for part in ("key", "value")]
        asked = {"input_ids", "attention_mask", "position_ids"}
        assert set(taken) == asked | {f"past_key_values.{name}" for name in remembered}
        assert set(given) == {"logits"} | {f"present.{name}" for name in remembered}
        assert taken["past_key_values.0.key"] == ["batch", 2, "past", 8]
        assert taken["input_ids"] == ["batch", "length"]


def test_eight_bits_write_much_the_same(model: Any, files: tuple[Path, Path]) -> None:
    decoder = open_decoder(files[1], model, 1)
    ids = torch.arange(1, 41)[None]
    with torch.inference_mode():
        expected, found = (one(input_ids=ids).logits.flatten() for one in (model, decoder))
    assert torch.corrcoef(torch.stack([expected, found]))[0, 1] > 0.9  # a processor without VNNI saturates
    assert files[1].stat().st_size < files[0].stat().st_size


def test_what_cannot_be_exported_is_refused_in_one_line(model: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="made of weights in fp32") as refused:
        write_decoder(deepcopy(writer("gpt2").model).half(), tmp_path / "model.onnx")  # others share it
    assert "\n" not in str(refused.value)


def test_a_cache_that_slides_is_refused_in_one_line(tmp_path: Path) -> None:
    sizes = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "head_dim": 8,
    }
    layers = {"sliding_window": 8, "layer_types": ["sliding_attention", "full_attention"]}
    config = AutoConfig.for_model("gemma3_text", vocab_size=64, num_key_value_heads=1, **sizes, **layers)
    with pytest.raises(ModelError, match=r"cannot export a gemma3_text model .* more than keys and values") as refused:
        write_decoder(AutoModelForCausalLM.from_config(config).eval(), tmp_path / "model.onnx")
    assert "\n" not in str(refused.value)
