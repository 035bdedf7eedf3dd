"""Saved models that answer questions."""

import json
from pathlib import Path

import pytest

from framework.answer import load_answerer
from framework.errors import ModelError


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "distil.json does not say how its model reads, as distil writes it: Expecting property name"),
        ("[]", "'list' object has no attribute 'get'"),
        (json.dumps({"task": {"kind": "mine:Task"}}), "Input should be 'extractive_qa'"),
        (json.dumps({"windows": {"length": 3}}), "unknown key 'length'; did you mean 'max_length'"),
        (json.dumps({"teacher": {"kind": "nowhere:Teacher"}}), "cannot import 'nowhere:Teacher'"),
    ],
)
def test_settings_that_cannot_be_read_are_named(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "distil.json").write_text(content)
    with pytest.raises(ModelError, match=message):
        load_answerer(tmp_path)


def test_pickled_weights_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    (tmp_path / "pytorch_model.bin").touch()
    with pytest.raises(ModelError, match=r"no \*\.safetensors in .* weights as a pickle are not read"):
        load_answerer(tmp_path)
