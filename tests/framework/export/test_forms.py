"""Forms that cannot be made or run, and what is left then."""

from pathlib import Path
from typing import Any

import pytest

from framework.data.features import WindowSettings
from framework.export import forms as module
from framework.export.forms import make_forms
from framework.models.build import random_model, save_model
from framework.models.configuration import new_config
from framework.models.section import ConfigModel
from framework.models.tokenizers import fit_to_model
from framework.predictors.logits import LogitsPredictor, logits_predictor
from framework.tasks.base import InferenceConfig
from framework.tasks.span_qa.data import QAExample
from framework.tasks.span_qa.task import ExtractiveQA
from tests.tokenizing import tokenizer

SIZE = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
INFERENCE = InferenceConfig(ExtractiveQA(), WindowSettings(max_length=32, doc_stride=8, max_question=8), 4, "fp32")
EXAMPLE = QAExample("1", "Анна живёт в Туле.", "Где живёт Анна?", None)


def opened(folder: Path) -> LogitsPredictor:
    words = tokenizer("wordpiece")
    config = new_config(ConfigModel(architecture="bert", config=SIZE), len(words), 0)
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
