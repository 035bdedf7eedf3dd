"""Whatever is wrong, the user gets one clear message, the right exit code, and no traceback."""

import errno
import importlib
import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors import SafetensorError
from typer.testing import CliRunner

from distil.framework import plugins
from distil.framework.errors import DataError
from distil.framework.losses.logits import KL
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.launch.answer import request_from
from distil.launch.commands import app
from distil.launch.guard import guarded
from tests.forked import start
from tests.listening import reserved_port
from tests.searching import finish
from tests.tiny import several_values, tiny_values

BERT = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}


def changed(**changes: Any) -> Callable[[Path], list[str]]:
    """Run the tiny recipe with places changed."""

    def arguments(folder: Path) -> list[str]:
        return _recipe(folder, tiny_values(folder / "runs", **changes))

    return arguments


def several(**changes: Any) -> Callable[[Path], list[str]]:
    """Run the recipe with several teachers with places changed."""

    def arguments(folder: Path) -> list[str]:
        return _recipe(folder, several_values(folder / "runs", **changes))

    return arguments


def with_file(name: str, content: bytes) -> Callable[[Path], list[str]]:
    """Run the tiny recipe on a file of questions with this content."""

    def arguments(folder: Path) -> list[str]:
        (folder / name).write_bytes(content)
        source = {"kind": "files", "path": str(folder / name)}
        return _recipe(
            folder, tiny_values(folder / "runs", data__source=source, data__splits={"train": "train", "dev": "train"})
        )

    return arguments


def text(content: str | bytes) -> Callable[[Path], list[str]]:
    """Run a recipe with this text."""

    def arguments(folder: Path) -> list[str]:
        path = folder / "recipe.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return ["run", str(path)]

    return arguments


def _recipe(folder: Path, values: dict[str, Any]) -> list[str]:
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(values, allow_unicode=True))
    return ["run", str(path)]


def _squad(answers: Any) -> bytes:
    question = {"id": "1", "question": "Где?", "answers": answers}
    return json.dumps({"data": [{"paragraphs": [{"context": "В Туле.", "qas": [question]}]}]}).encode()


def _output_is_a_file(folder: Path) -> list[str]:
    (folder / "runs").write_text("not a folder")
    return _recipe(folder, tiny_values(folder / "runs"))


def _search(folder: Path) -> list[str]:
    (folder / "search.json").write_text("{}")
    return ["report", str(folder)]


def _model_without_weights(folder: Path) -> list[str]:
    (folder / "model").mkdir()
    (folder / "model" / "config.json").write_text(json.dumps({"model_type": "bert", **BERT}))
    model = {"kind": "folder", "path": str(folder / "model")}
    return _recipe(folder, tiny_values(folder / "runs", teachers__teacher__model=model))


def _pickled_model(folder: Path) -> list[str]:
    arguments = _model_without_weights(folder)
    (folder / "model" / "pytorch_model.bin").write_bytes(b"\x80\x04")
    return arguments


def _damaged_config(folder: Path) -> list[str]:
    arguments = _model_without_weights(folder)
    (folder / "model" / "config.json").write_text("{")
    (folder / "model" / "model.safetensors").write_bytes(b"")
    return arguments


CASES: dict[str, tuple[Callable[[Path], list[str]], str]] = {
    "no recipe": (lambda folder: ["run", str(folder / "nothing.yaml")], "no recipe at"),
    "recipe is a folder": (lambda folder: ["run", str(folder)], "is a folder"),
    "data are a folder": (
        changed(data__source={"kind": "files", "path": {"train": "tests", "validation": "tests"}}),
        "tests is a folder; name a file in it",
    ),
    "a tokenizer is a file": (
        changed(student__tokenizer={"kind": "pretrained", "id": "pyproject.toml"}),
        "found a file at",
    ),
    "recipe is not UTF-8": (text(b"name: \xff\xfe"), "not UTF-8"),
    "recipe is not YAML": (text("name: [unclosed"), "not legal YAML"),
    "recipe is a list": (text("- name\n- data\n"), "expected sections"),
    "recipe is empty": (text(""), "expected sections"),
    "a key twice": (text("name: a\nname: b\n"), "given twice"),
    "a YAML tag that runs code": (text("name: !!python/object/apply:os.system ['true']\n"), "not legal YAML"),
    "no data": (text("name: a\n"), "data is missing"),
    "unknown key": (changed(student__learning_rate=1.0), "unknown key 'learning_rate'"),
    "misspelt section": (changed(enginee={"workers": 1}), "did you mean 'engine'"),
    "word for a number": (changed(student__epochs="three"), "student.epochs"),
    "negative rate": (changed(student__lr=-1.0), "student.lr"),
    "no epochs": (changed(student__epochs=0), "student.epochs"),
    "unknown loss": (changed(losses={"kll": {}}), "unknown kind 'kll'"),
    "unknown source": (changed(data__source={"kind": "web"}), "unknown kind 'web'"),
    "unknown teacher kind": (changed(teachers__teacher__kind="decoder"), "unknown kind 'decoder'"),
    "import that fails": (changed(losses={"mine": {"kind": "no.such.module:Loss"}}), "cannot import"),
    "nothing to do": (changed(teachers=None, student=None, losses=None, baselines=None), "nothing to do"),
    "signals without a teacher": (changed(teachers=None), "there are none: add `teachers`"),
    "losses without a student": (changed(student=None, baselines=None), "`losses` is for a student"),
    "a baseline of nothing": (changed(teachers=None, losses={"hard_label": {}}), "`baselines` would repeat"),
    "a teacher that nobody reads": (changed(losses={"hard_label": {}}, baselines=None), "drop `teachers`"),
    "micro-batch above the batch": (changed(student__micro_batch=64), "micro_batch 64"),
    "stride without room": (changed(windows__doc_stride=60), "doc_stride 60"),
    "windows longer than the model": (changed(windows__max_length=1000), "positions for 512"),
    "unknown split": (changed(student__split="trian"), "did you mean 'train'"),
    "split that the source lacks": (changed(data__splits={"train": "train", "dev": "test"}), "validation"),
    "idle split": (
        changed(data__splits={"train": "train", "dev": "validation", "spare": "train[:5]"}),
        "nothing uses the split 'spare'",
    ),
    "both cut and splits": (changed(data__cut={"shares": {"train": 0.5, "dev": 0.5}}), "both cut and splits"),
    "unknown architecture": (changed(student__model__architecture="berd"), "no architecture 'berd'"),
    "unknown model field": (changed(student__model__config={"dimm": 32}), "unknown field 'dimm'"),
    "model that cannot be": (changed(student__model__config={"dim": 33, "n_heads": 2}), "cannot build"),
    "config without tokenizer": (changed(student__tokenizer=None), "has no tokenizer of its own"),
    "no layer 7": (
        changed(student__model={"kind": "layers", "teacher": "teacher", "layers": [7]}, student__tokenizer=None),
        "the teacher's layers are 0 to 1",
    ),
    "layers of nobody": (
        changed(student__model={"kind": "layers", "teacher": "teachr", "layers": [0]}, student__tokenizer=None),
        "did you mean 'teacher'",
    ),
    "fp16 without a GPU": (changed(engine__precision="fp16"), "fp16"),
    "ZeRO 4": (changed(engine__zero_stage=4), "engine.zero_stage"),
    "no workers": (changed(engine__workers=0), "engine.workers: input should be greater than or equal to 1"),
    "hub model that is not here": (
        changed(teachers__teacher__model={"kind": "hub", "id": "nobody/nothing"}, teachers__teacher__tokenizer=None),
        "hf download nobody/nothing",
    ),
    "hub id that is none": (
        changed(teachers__teacher__model={"kind": "hub", "id": "a b c"}, teachers__teacher__tokenizer=None),
        "neither a folder nor a hub id",
    ),
    "hub data that are not here": (
        changed(
            data__source={"kind": "hub", "id": "nobody/questions"}, data__splits={"train": "train", "dev": "train"}
        ),
        "nobody/questions",
    ),
    "model folder that is not there": (
        changed(teachers__teacher__model={"kind": "folder", "path": "/no/such"}),
        "/no/such",
    ),
    "model without weights": (_model_without_weights, "no *.safetensors"),
    "pickled weights": (_pickled_model, "pickled_weights: tensors_only"),
    "damaged model configuration": (_damaged_config, "config.json"),
    "file that is not there": (
        changed(
            data__source={"kind": "files", "path": "/no/such.json"}, data__splits={"train": "train", "dev": "train"}
        ),
        "/no/such.json",
    ),
    "truncated JSON": (with_file("q.json", b'{"data": [{"paragraphs": ['), "q.json"),
    "JSON of another form": (with_file("q.json", b'{"questions": []}'), "q.json"),
    "not parquet": (with_file("q.parquet", b"PAR1 no"), "q.parquet"),
    "rows without context": (with_file("q.jsonl", b'{"id": "1", "question": "a"}\n'), "context"),
    "answer of the wrong type": (with_file("q.json", _squad(7)), "answers must be text"),
    "empty file": (with_file("q.jsonl", b""), "holds no questions"),
    "no label at all": (
        with_file("q.json", _squad([])),
        "has a label to compare with; choose a labelled split (or set task.unanswerable",
    ),
    "teachers without a rule": (several(ensemble=None), "say how they become one"),
    "an ensemble of one": (several(teachers__b=None, teachers__c=None), "`ensemble` combines teachers, and there is 1"),
    "unknown rule": (several(ensemble={"rule": "geometrical"}), "did you mean 'geometric'"),
    "a rule that is a word": (several(ensemble="mean"), "expected a section with a `rule`"),
    "weights for nobody": (
        several(ensemble={"rule": "weighted", "weights": {"a": 1.0, "b": 1.0, "c": 1.0, "d": 1.0}}),
        "no teacher is called 'd'",
    ),
    "no weight for a teacher": (
        several(ensemble={"rule": "weighted", "weights": {"a": 1.0, "b": 1.0}}),
        "teacher 'c' has none",
    ),
    "labels of questions that have none": (
        several(ensemble={"rule": "label_aware"}, student__unlabelled=["dev"]),
        "weighs teachers by labels",
    ),
    "unlabelled without signals": (
        several(losses={"hard_label": {}}, student__unlabelled=["dev"]),
        "student.unlabelled: no loss compares with a teacher",
    ),
    "unlabelled split that is not there": (several(student__unlabelled=["deev"]), "did you mean 'dev'"),
    "held-out labels that nobody reads": (
        several(signals__held_out="train", ensemble=None, student=None, losses=None),
        "signals.held_out is for calibrated",
    ),
    "what is fitted to the labels that it is measured by": (
        several(teachers__a__temperature="calibrated"),
        "signals.held_out: calibrated temperatures",
    ),
    "folds of a teacher as it is": (
        several(
            teachers__a__fine_tune=None,
            teachers__a__crossfit=2,
            teachers__a__model={"kind": "folder", "path": "."},
            teachers__a__tokenizer=None,
        ),
        "`crossfit` fine-tunes the teacher on folds",
    ),
    "more folds than paragraphs": (several(teachers__a__crossfit=40), "too few texts that differ"),
    "temperature that is no number": (several(teachers__a__temperature=float("inf")), "finite number"),
    "rate that is no number": (several(student__lr=float("nan")), "finite number"),
    "unknown baseline": (several(baselines=["d"]), "unknown baseline 'd'"),
    "a baseline that is the student": (changed(baselines=["teacher"]), "is the only teacher"),
    "an extra split of a name that is taken": (
        several(data__extra={"dev": {"source": {"kind": "synthetic"}}}),
        "extra names the split 'dev'",
    ),
    "batches ahead of nothing": (several(signals={"mode": "precomputed", "ahead": 2}), "`ahead` is for teachers"),
    "tracking to a folder": (changed(tracking__uri="file:/tmp/x"), "tracking.uri"),
    "tracking without a scheme": (changed(tracking__uri="localhost:5000"), "has no scheme"),
    "output is a file": (_output_is_a_file, "cannot write into"),
    "override without a value": (lambda folder: [*changed()(folder), "student.lr"], "expected PLACE=VALUE"),
    "override into a value": (lambda folder: [*changed()(folder), "seed.deep=1"], "not a section"),
    "report on nothing": (lambda folder: ["report", str(folder)], "no run at"),
    "report on a search": (_search, "is a search and no run"),
    "track nothing": (lambda folder: ["track", str(folder)], "no run at"),
    "answer from nothing": (lambda folder: ["answer", str(folder), "-q", "a", "-c", "b"], "no run at"),
    "evaluate nothing": (lambda folder: ["evaluate", str(folder), "--data", "x.json"], "no run at"),
    "predictions into a folder": (
        lambda folder: ["evaluate", str(folder), "--data", "x.json", "--predictions", "."],
        "is a folder; name a file",
    ),
    "predictions into no folder": (
        lambda folder: ["evaluate", str(folder), "--data", "x.json", "--predictions", str(folder / "no" / "p.json")],
        "there is no folder",
    ),
    "predictions over the questions": (
        lambda folder: ["evaluate", str(folder), "--data", __file__, "--predictions", __file__],
        "would write over the data",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_users_mistake_gets_one_clear_message(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    arguments, message = CASES[name]
    code = guarded(lambda: app(arguments(tmp_path), prog_name="distil"))
    captured = capsys.readouterr()
    assert message in captured.err, captured.err
    assert code == 2, captured.err
    assert "Traceback" not in captured.err + captured.out
    assert captured.err.startswith("distil: ")
    assert not list(tmp_path.glob("runs/store/*/*/manifest.json")), "something ran before the mistake was found"


def test_commands_and_options_that_do_not_exist() -> None:
    for arguments in (["rum"], ["run"], ["report", "x", "--yaml"]):
        assert CliRunner().invoke(app, arguments).exit_code == 2


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_a_failure_and_not_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    def fill() -> None:
        with open("/dev/full", "w") as file:
            file.write("x" * 100_000)

    def fill_with_weights() -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    for action in (fill, fill_with_weights):
        assert guarded(action) == 1
        assert "the disk is full" in capsys.readouterr().err


def test_too_little_memory_is_told_with_what_takes_less(capsys: pytest.CaptureFixture[str]) -> None:
    def on_a_gpu() -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    for fail, whose in ((partial(torch.empty, 10**15), ""), (on_a_gpu, "the GPU is ")):
        assert guarded(fail) == 1
        assert capsys.readouterr().err.startswith(f"distil: {whose}out of memory; set student.micro_batch")


def test_what_fails_in_code_of_ones_own_is_found_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_broken_code.py").write_text("def fail():\n    return [][0]\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(plugins, "_user_modules", {KL: {"my_broken_code"}})
    importlib.invalidate_caches()
    assert guarded(importlib.import_module("my_broken_code").fail) == 2
    assert f"{tmp_path}/my_broken_code.py:2 fails, which is no code of distil's: IndexError" in capsys.readouterr().err


def test_a_folder_in_the_place_of_a_file_is_said_to_be_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(tmp_path.read_text) == 2
    assert f"it is a folder: {tmp_path}; name another" in capsys.readouterr().err
    (tmp_path / "file").touch()
    assert guarded((tmp_path / "file" / "below").read_text) == 2
    assert "there is a file where a folder has to be" in capsys.readouterr().err
    with pytest.raises(DataError, match=r"cannot read .*: it is a folder"):
        request_from(ExtractiveQA(), {"question": "a", "context_file": tmp_path})


def test_a_folder_without_rights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def forbidden() -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path / "runs"))

    assert guarded(forbidden) == 2
    assert "no permission" in capsys.readouterr().err

    def on_a_read_only_disk() -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(tmp_path / "runs"))

    assert guarded(on_a_read_only_disk) == 2
    assert "a read-only disk" in capsys.readouterr().err


def test_a_port_where_nobody_listens_does_not_stop_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = tiny_values(
        tmp_path / "runs", student=None, losses=None, baselines=None, teachers__teacher__fine_tune__epochs=1
    )
    with reserved_port() as port:
        values["tracking"] = {"uri": f"http://127.0.0.1:{port}"}
        assert "does not answer" in finish(start(*_recipe(tmp_path, values)))
        (run,) = (tmp_path / "runs").glob("tiny-*")
        assert json.loads((run / "results.json").read_text())["state"] == "finished"
        assert guarded(lambda: app(["track", str(run)], prog_name="distil")) == 1
    told = capsys.readouterr().err
    assert told.startswith("distil: ")
    assert "Traceback" not in told


def test_a_cluster_that_is_not_there(tmp_path: Path) -> None:
    values = tiny_values(
        tmp_path / "runs", engine__workers=2, teachers=None, baselines=None, losses={"hard_label": None}
    )
    environment = {**os.environ, "RAY_ADDRESS": "127.0.0.1:1", "RAY_gcs_rpc_server_reconnect_timeout_s": "5"}
    said = finish(start(*_recipe(tmp_path, values), environment=environment), 1)
    assert "RAY_ADDRESS=127.0.0.1:1" in said
    assert "Traceback" not in said
