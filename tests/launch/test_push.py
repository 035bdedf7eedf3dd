"""`distil push`, to a hub that is a server on this machine."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from distil.framework.export.export import new_folder
from distil.launch.commands import app
from distil.launch.guard import guarded
from tests.hub_server import Hub, hub_server


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with hub_server(monkeypatch) as found:
        yield found


@pytest.fixture
def exported(tmp_path: Path) -> str:
    with new_folder(tmp_path / "student") as folder:
        (folder / "model.safetensors").write_bytes(b"weights" * 1000)
        (folder / "export.json").write_text(json.dumps({"run": "tiny-1a2b3c4d", "model": {"name": "student"}}))
    return str(tmp_path / "student")


def push(*arguments: str) -> int:
    return guarded(lambda: app(["push", *arguments], prog_name="distil"))


def test_an_exported_folder_is_sent_as_it_is(hub: Hub, exported: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert push(exported, "me/student", "--public") == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("/me/student, for everybody")
    assert hub.private == {"me/student": False}
    assert set(hub.files["me/student"]) == {"export.json", "manifest.json", "model.safetensors"}


def test_a_dry_run_asks_the_hub_nothing(hub: Hub, exported: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert push(exported, "me/student", "--dry-run") == 0
    said = capsys.readouterr().out
    assert "me/student, private, would have these 3 files" in said
    assert "0.01 MB  model.safetensors" in said
    assert hub.requests == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["student"], "'student' names no owner; expected owner/name"),
        (["me/student", "--no-onnx"], "is exported already: drop --model and --no-onnx"),
        (["you/student"], "this token may not write to you/student"),
    ],
)
def test_what_cannot_be_is_said(
    options: list[str], words: str, hub: Hub, exported: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert push(exported, *options) == 2
    assert words in capsys.readouterr().err
    assert hub.files == {}


def test_without_a_token_nothing_is_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    assert push(str(tmp_path), "me/student") == 2
    assert "log in with `hf auth login`, or set HF_TOKEN" in capsys.readouterr().err
