"""ONNX files that are the model, and 8-bit ones that are nearly it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from distil.framework.data.features import WindowSettings
from distil.framework.errors import ModelError, UserError
from distil.framework.export import forms as module
from distil.framework.export.compare import TOLERANCE
from distil.framework.export.forms import make_forms
from distil.framework.export.onnx_files import check_exporter, open_onnx, write_int8, write_onnx
from distil.framework.models.build import random_model, save_model
from distil.framework.models.configuration import new_config
from distil.framework.models.section import ConfigModel
from distil.framework.models.tokenizers import fit_to_model
from distil.framework.predictors.logits import LogitsPredictor, logits_predictor
from distil.framework.tasks.base import InferenceConfig
from distil.framework.tasks.span_qa.data import QAExample
from distil.framework.tasks.span_qa.task import ExtractiveQA
from tests.tokenizing import tokenizer
from tests.versions import before, needs_transformers

TASK = ExtractiveQA()
NAMES = ("input_ids", "attention_mask", "token_type_ids")
SIZE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
VOCABULARY, MOST = 300, 96
SIZE_FORMS = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
INFERENCE = InferenceConfig(ExtractiveQA(), WindowSettings(max_length=32, doc_stride=8, max_question=8), 4, "fp32")
EXAMPLE = QAExample("1", "Анна живёт в Туле.", "Где живёт Анна?", None)


@pytest.fixture(scope="module")
def model() -> Any:
    config = {**SIZE, "max_position_embeddings": MOST, "initializer_range": 0.3}
    return random_model(
        TASK, new_config(ConfigModel(kind="config", architecture="bert", config=config), 300, 0), 1
    ).eval()


@pytest.fixture(scope="module")
def files(model: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    if before("5.23"):
        pytest.skip("it takes transformers 5.23")
    folder = tmp_path_factory.mktemp("onnx") / "new"
    onnx, int8 = folder / "model.onnx", folder / "model_int8.onnx"
    write_onnx(model, NAMES, onnx)
    write_int8(onnx, int8)
    return onnx, int8


def batch(rows: int, length: int, seed: int) -> dict[str, torch.Tensor]:
    """Windows of several lengths, padded on the right, at least one of them whole."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, length + 1, (rows, 1), generator=generator)
    lengths[0] = length
    inside = torch.arange(length) < lengths
    return {
        "input_ids": torch.randint(1, VOCABULARY, (rows, length), generator=generator) * inside,
        "attention_mask": inside.long(),
        "token_type_ids": (torch.arange(length) > length // 3).long() * inside,
    }


def logits(model: Any, inputs: dict[str, torch.Tensor]) -> np.ndarray:
    """Of the tokens that are not padding, [2, tokens]."""
    with torch.inference_mode():
        found = TASK.logits(model(**inputs)).transpose(0, 1).numpy()
    assert found.dtype == np.float32
    return found[:, inputs["attention_mask"].bool().numpy()]


@pytest.mark.parametrize(("rows", "length"), [(1, 1), (1, 7), (1, MOST), (2, 8), (3, 33), (5, MOST), (8, 16)])
def test_onnx_gives_the_logits_of_the_model_for_any_batch_and_length(
    model: Any, files: tuple[Path, Path], rows: int, length: int
) -> None:
    inputs = batch(rows, length, seed=length)
    found = logits(open_onnx(files[0], model.config, 1), inputs)
    assert np.abs(found - logits(model, inputs)).max() <= TOLERANCE / 100


def test_logits_of_the_8_bit_file_go_with_those_of_the_model(model: Any, files: tuple[Path, Path]) -> None:
    inputs = batch(16, MOST, seed=5)
    expected, found = logits(model, inputs), logits(open_onnx(files[1], model.config, 1), inputs)
    assert np.abs(found - expected).max() > TOLERANCE
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.98


def test_both_axes_of_inputs_and_outputs_are_free_and_named(model: Any, files: tuple[Path, Path]) -> None:
    for path in files:
        session = open_onnx(path, model.config, 1).session
        inputs, outputs = session.get_inputs(), session.get_outputs()
        assert {value.name: (value.type, value.shape) for value in inputs} == dict.fromkeys(
            NAMES, ("tensor(int64)", ["batch", "length"])
        )
        assert {value.name: (value.type, value.shape) for value in outputs} == dict.fromkeys(
            ("start_logits", "end_logits"), ("tensor(float)", ["batch", "length"])
        )


def test_eight_bits_are_a_quarter_of_the_weights(model: Any, files: tuple[Path, Path]) -> None:
    weights = sum(parameter.numel() for parameter in model.parameters())
    sizes = [path.stat().st_size for path in files]
    assert sizes[0] > 4 * weights
    assert sizes[0] - sizes[1] > 2 * weights


@pytest.mark.parametrize(("version", "asked"), [("5.17.0", False), ("5.22.2", False), ("5.23.0", True), ("6.0", True)])
def test_an_older_transformers_is_named_before_anything_is_written(
    version: str, asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.__version__", version)
    if asked:
        check_exporter()
        return
    with pytest.raises(UserError, match=f"takes transformers 5.23 or newer, and {version} is installed; .+ --no-onnx"):
        check_exporter()


@needs_transformers("5.23")
def test_what_cannot_be_exported_is_refused_in_one_line(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ModelError, match=r"cannot export a bert model to ONNX \(.+\); use --no-onnx"):
        write_onnx(model, (*NAMES, "inputs_embeds"), tmp_path / "model.onnx")
    monkeypatch.setattr("distil.framework.export.onnx_files._MOST_PARAMETERS", 1000)
    with pytest.raises(ModelError, match=r"at most 0M parameters, and this bert model has \dM; use --no-onnx"):
        write_onnx(model, NAMES, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def opened(folder: Path) -> LogitsPredictor:
    words = tokenizer("wordpiece")
    config = new_config(ConfigModel(architecture="bert", config=SIZE_FORMS), len(words), 0)
    fit_to_model(words, config)
    save_model(random_model(INFERENCE.task, config, 0), words, folder)
    return logits_predictor(folder, INFERENCE)


def test_a_model_that_cannot_be_written_is_named_and_kept(tmp_path: Path) -> None:
    predictor = opened(tmp_path)
    predictor.tokenizer.model_input_names = [*predictor.tokenizer.model_input_names, "inputs_embeds"]  # one too many
    found = make_forms(predictor, tmp_path, EXAMPLE, with_onnx=True)
    assert list(found.opening) == list(found.files) == ["torch"]
    (problem,) = found.problems
    assert problem.startswith("cannot export a bert model to ONNX (")
    assert problem.endswith("; use --no-onnx")
    assert not (tmp_path / "onnx").exists()
    assert found.files["torch"] == [tmp_path / "model.safetensors"]


def test_a_file_that_does_not_run_is_removed_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nonsense(model: Any, names: Any, path: Path) -> None:
        path.write_bytes(b"nonsense")

    monkeypatch.setattr(module, "write_onnx", nonsense)
    found = make_forms(opened(tmp_path), tmp_path, EXAMPLE, with_onnx=True)
    assert list(found.files) == ["torch"]
    (problem,) = found.problems
    assert problem.startswith("the ONNX file of a bert model does not run (")
    assert problem.endswith("; use --no-onnx")
    assert not (tmp_path / "onnx").exists()


@needs_transformers("5.23")
def test_without_8_bits_the_other_file_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nonsense(source: Path, target: Path) -> None:
        target.write_bytes(b"nonsense")

    monkeypatch.setattr(module, "write_int8", nonsense)
    predictor = opened(tmp_path)
    found = make_forms(predictor, tmp_path, EXAMPLE, with_onnx=True)
    assert list(found.opening) == ["torch", "onnx"]
    assert len(found.problems) == 1
    assert [path.name for path in (tmp_path / "onnx").iterdir()] == ["model.onnx"]
    assert found.opening["torch"](1) is predictor


def test_without_onnx_nothing_is_tried(tmp_path: Path) -> None:
    found = make_forms(opened(tmp_path), tmp_path, EXAMPLE, with_onnx=False)
    assert (list(found.opening), found.problems) == (["torch"], [])
