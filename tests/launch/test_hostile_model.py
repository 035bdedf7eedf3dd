"""Models that cannot be, in recipes and in folders: each is refused at once, by name, and nothing is made."""

import json
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from distil.framework.models.build import random_model, save_model
from distil.framework.models.configuration import new_config
from distil.framework.models.section import ConfigModel, TrainedTokenizer
from distil.framework.models.tokenizer_training import train_tokenizer
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.launch.commands import app
from distil.launch.guard import guarded
from tests.launch.test_hostile_recipe import refused, written
from tests.tiny import tiny_values

SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
EMBEDDINGS = "bert.embeddings.word_embeddings.weight"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny BERT with a question-answering head."""
    folder = tmp_path_factory.mktemp("sound") / "model"
    tokenizer = train_tokenizer(
        TrainedTokenizer(kind="wordpiece", vocab_size=100), ["Где живёт Анна? Анна живёт в Туле."]
    )
    config = new_config(ConfigModel(architecture="bert", config=SIZES), len(tokenizer), 0)
    save_model(random_model(ExtractiveQA(), config, 0), tokenizer, folder)
    return folder


CONFIGS: dict[str, tuple[dict[str, Any], str]] = {
    "a million layers": (
        {"num_hidden_layers": 1_000_000},
        "num_hidden_layers is 1,000,000, and no model has more than 1,000",
    ),
    "10¹² layers": ({"num_hidden_layers": 10**12}, "num_hidden_layers is 1,000,000,000,000"),
    "10¹² positions": ({"max_position_embeddings": 10**12}, "max_position_embeddings is 1,000,000,000,000"),
    "a million wide": ({"hidden_size": 1_000_000}, "GB of memory; make it smaller"),
    "heads that do not divide the width": (
        {"num_attention_heads": 5},
        "not a multiple of the number of attention heads (5)",
    ),
    "no heads": ({"num_attention_heads": 0}, "num_attention_heads: 0"),
    "three labels": ({"id2label": {"0": "a", "1": "b", "2": "c"}}, "has 3 labels"),
    "no tables": ({"return_dict": False}, "`return_dict` is to blame"),
    "no kinds of token": ({"type_vocab_size": 0}, "`type_vocab_size` is to blame"),
    "lengths that are multiples of 7": ({"chunk_size_feed_forward": 7}, "`chunk_size_feed_forward` is to blame"),
    "no layers": ({"num_hidden_layers": 0}, "num_hidden_layers is 0; expected 1 at least"),
    "less than no layers": ({"num_hidden_layers": -1}, "num_hidden_layers is -1; expected 1 at least"),
    "nothing between": ({"intermediate_size": 0}, "[0, 32]: a size is 0 (the field `intermediate_size` is to blame"),
    "numbers of two bytes": ({"dtype": "bfloat16"}, "dtype comes from the recipe's engine.precision"),
    "no labels": ({"id2label": {}}, "`id2label` is to blame"),
    "less than no width": ({"hidden_size": -32}, "hidden_size is -32; expected 1 at least"),
    "dropout of 2": ({"hidden_dropout_prob": 2.0}, "`hidden_dropout_prob` is to blame"),
    "an activation that there is not": ({"hidden_act": "gelo"}, "`hidden_act` is to blame"),
    "a word for a size": ({"hidden_size": "wide"}, "hidden_size"),
    "an unknown field": ({"hiden_size": 32}, "did you mean 'hidden_size'"),
    "a vocabulary of its own": ({"vocab_size": 10}, "vocab_size come from the tokenizer"),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_configuration_that_cannot_be_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fields, message = CONFIGS[name]
    values = tiny_values(tmp_path / "runs")
    values["teachers"]["teacher"]["model"]["config"] |= fields
    refused(["plan", str(written(tmp_path, values))], message, capsys)


def test_weights_that_begin_as_no_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = tiny_values(tmp_path / "runs")
    values["teachers"]["teacher"]["model"]["config"]["initializer_range"] = 1e38
    refused(["run", str(written(tmp_path, values))], "weights that are no numbers: bert.", capsys)


def change(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    """Change the weights in a folder."""
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def config(**fields: Any) -> Callable[[Path], object]:
    def changed(folder: Path) -> None:
        values = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**values, **fields}))

    return changed


def number(value: float, name: str = EMBEDDINGS) -> Callable[[Path], object]:
    return lambda folder: change(folder, lambda weights: weights[name].view(-1)[7:8].fill_(value))


def file(name: str, content: str | bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def large(name: str) -> Callable[[Path], object]:
    return lambda folder: os.truncate(folder / name, 10**9)


def header(values: dict[str, Any], content: bytes = b"\0" * 8) -> Callable[[Path], object]:
    text = json.dumps(values).encode()
    return file("model.safetensors", struct.pack("<Q", len(text)) + text + content)


def index(*names: str) -> Callable[[Path], object]:
    def changed(folder: Path) -> None:
        (folder / "model.safetensors").rename(folder / "part.safetensors")
        named = {f"tensor.{number}": name for number, name in enumerate(names)}
        (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": named}))

    return changed


def instead(name: str, put: Callable[[Path], object]) -> Callable[[Path], object]:
    def changed(folder: Path) -> None:
        (folder / name).unlink()
        put(folder / name)

    return changed


def head_of(labels: int) -> Callable[[Path], object]:
    def changed(folder: Path) -> None:
        rows = {"qa_outputs.weight": torch.randn(labels, 32), "qa_outputs.bias": torch.zeros(labels)}
        change(folder, lambda weights: weights.update(rows))

    return changed


TWO = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
FOLDERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "NaN": (number(float("nan")), f"are damaged; take a sound copy: {EMBEDDINGS} holds NaN or infinity"),
    "infinity": (number(float("-inf"), "qa_outputs.weight"), "qa_outputs.weight holds NaN or infinity"),
    "head of one label": (head_of(1), "qa_outputs.bias is [1], expected [2]"),
    "head of three labels": (head_of(3), "qa_outputs.bias is [3], expected [2]"),
    "configuration of one label": (config(id2label={"0": "a"}), "has 1 label (num_labels, id2label)"),
    "configuration of three labels": (config(id2label={"0": "a", "1": "b", "2": "c"}), "has 3 labels (num_labels"),
    "half of the tensors": (
        lambda folder: change(folder, lambda weights: [weights.pop(name) for name in list(weights)[::2]]),
        "are not those of a whole bert model",
    ),
    "no tensors": (
        lambda folder: change(folder, lambda weights: weights.clear()),
        "are not those of a whole bert model",
    ),
    "tensors of another width": (config(hidden_size=64), "do not fit its config.json: bert."),
    "truncated weights": (
        lambda folder: os.truncate(folder / "model.safetensors", 2000),
        "model.safetensors is damaged",
    ),
    "empty weights": (file("model.safetensors", b""), "model.safetensors is damaged"),
    "a huge header": (file("model.safetensors", struct.pack("<Q", 2**62) + b"{}"), "model.safetensors is damaged"),
    "tensors that overlap": (header({"a": TWO, "b": TWO}), "model.safetensors is damaged"),
    "tensors beyond the end": (
        header({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}),
        "model.safetensors is damaged",
    ),
    "a pickle called safetensors": (file("model.safetensors", b"\x80\x04K\x01."), "model.safetensors is damaged"),
    "weights that are a pipe": (instead("model.safetensors", os.mkfifo), "model.safetensors is no file"),
    "a configuration that is a pipe": (instead("config.json", os.mkfifo), "config.json is no file"),
    "a tokenizer that is a pipe": (instead("tokenizer.json", os.mkfifo), "tokenizer.json is no file"),
    "a link to itself": (
        instead("model.safetensors", lambda path: path.symlink_to(path)),
        "model.safetensors is no file",
    ),
    "a link to nowhere": (
        instead("tokenizer.json", lambda path: path.symlink_to("/no/such")),
        "tokenizer.json is no file",
    ),
    "an index that leads out": (index("../../etc/passwd"), "'../../etc/passwd', which is no file in this folder"),
    "an index that leads to the root": (index("/etc/passwd"), "'/etc/passwd', which is no file in this folder"),
    "an index of what is not there": (index("part.safetensors", "more.safetensors"), "'more.safetensors', which is no"),
    "an index of nothing": (file("model.safetensors.index.json", "{}"), "has no `weight_map`"),
    "an index that is a list": (file("model.safetensors.index.json", "[]"), "expected an object, found list"),
    "a configuration of 1 GB": (large("config.json"), "config.json has 1,000 MB, and 20 MB are the most"),
    "a tokenizer of 1 GB": (large("tokenizer.json"), "tokenizer.json has 1,000 MB, and 100 MB are the most"),
    "a configuration without end": (file("config.json", '{"a": ' + "[" * 100_000), "no usable config.json"),
    "a configuration that is a list": (file("config.json", "[]"), "expected an object, found list"),
    "a configuration that is no text": (file("config.json", b"\xff\xfe{}"), "no usable config.json"),
    "a configuration of no architecture": (file("config.json", "{}"), "no usable config.json"),
    "a configuration of a million layers": (config(num_hidden_layers=10**6), "num_hidden_layers is 1,000,000"),
    "a configuration of 3 heads": (config(num_attention_heads=3), "cannot build a bert model"),
    "a vocabulary without end": (config(vocab_size=10**12), "vocab_size is 1,000,000,000,000"),
    "a smaller vocabulary than the tokenizer's": (config(vocab_size=10), "tokens and the bert model only 10"),
    "a configuration of no tables": (config(return_dict=False), "cannot be trained on 15 tokens of text alone"),
    "a configuration of no kinds of token": (config(type_vocab_size=0), "[0, 32]: a size is 0"),
    "a configuration that computes NaN": (config(layer_norm_eps=-5.0), "computes NaN before it is trained"),
    "code of its own": (config(auto_map={"AutoConfig": "x.X"}, model_type="x"), "no usable config.json"),
    "a tokenizer without end": (file("tokenizer.json", "[" * 100_000), "no usable tokenizer"),
    "a tokenizer of nothing": (file("tokenizer.json", "{}"), "tokenizer"),
}


@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.parametrize("role", ["teacher", "student"])
def test_a_folder_that_holds_no_sound_model_is_refused(
    name: str, role: str, sound: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage, message = FOLDERS[name]
    folder = tmp_path / "model"
    shutil.copytree(sound, folder)
    damage(folder)
    place = "teachers__teacher" if role == "teacher" else "student"
    changes: dict[str, Any] = {f"{place}__model": {"kind": "folder", "path": str(folder)}, f"{place}__tokenizer": None}
    if role == "teacher":
        changes["teachers__teacher__fine_tune"] = None
    refused(["plan", str(written(tmp_path, tiny_values(tmp_path / "runs", **changes)))], message, capsys)
    assert not (tmp_path / "runs").exists()


def test_the_sound_model_is_taken(sound: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = {"kind": "folder", "path": str(sound)}
    values = tiny_values(tmp_path / "runs", student__model=model, student__tokenizer=None)
    path = str(written(tmp_path, values))
    assert guarded(lambda: app(["plan", path], prog_name="distil")) == 0, capsys.readouterr().err


def test_modules_are_counted_while_they_are_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("distil.framework.models.bounds._MOST_MODULES", 2000)
    values = tiny_values(tmp_path / "runs")
    values["teachers"]["teacher"]["model"]["config"]["num_hidden_layers"] = 900
    refused(["plan", str(written(tmp_path, values))], "more than 2,000 modules", capsys)
