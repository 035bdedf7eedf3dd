"""Exported models on a hub, which is a server on this machine."""

import json
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import pytest

from distil.framework.errors import OutputError, StoreError, UserError
from distil.framework.export.export import new_folder
from distil.framework.export.push import check_id, check_token, files_of, push_folder
from tests.hub_server import OTHERS, Hub, hub_server

CARD = "---\nlanguage: ru\n---\n# A student\n"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with hub_server(monkeypatch) as found:
        yield found


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    with new_folder(tmp_path / "student") as folder:
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(b"weights" * 1000)
        (folder / "onnx").mkdir()
        (folder / "onnx" / "model.onnx").write_bytes(b"graph")
        (folder / "README.md").write_text(CARD)
        (folder / "export.json").write_text(json.dumps({"run": "tiny-1a2b3c4d", "model": {"name": "student"}}))
    return tmp_path / "student"


def test_all_files_are_there_and_nobody_else_sees_them(hub: Hub, exported: Path) -> None:
    address = push_folder(exported, "me/student", public=False)
    assert address == f"{huggingface_hub.constants.ENDPOINT}/me/student"
    assert hub.private == {"me/student": True}
    assert hub.files["me/student"] == {name: (exported / name).read_bytes() for name, _ in files_of(exported)}
    assert set(hub.files["me/student"]) >= {"README.md", "model.safetensors", "onnx/model.onnx", "manifest.json"}
    assert hub.commits == ["student of tiny-1a2b3c4d, by distil"]


def test_a_public_one_is_public(hub: Hub, exported: Path) -> None:
    push_folder(exported, "me/student", public=True)
    assert hub.private == {"me/student": False}


def test_a_further_one_goes_to_the_same_place(hub: Hub, exported: Path) -> None:
    push_folder(exported, "me/student", public=False)
    (exported / "README.md").write_text(CARD + "\nNew.\n")
    push_folder(exported, "me/student", public=False)
    assert hub.files["me/student"]["README.md"].endswith(b"New.\n")
    assert len(hub.commits) == 2


@pytest.mark.parametrize(
    ("private", "public", "words"), [(False, False, "everybody can read it; add --public"), (True, True, "and private")]
)
def test_who_sees_it_is_changed_by_nobody_unasked(
    private: bool, public: bool, words: str, hub: Hub, exported: Path
) -> None:
    hub.private["me/student"], hub.files["me/student"] = private, {}
    with pytest.raises(UserError, match=words):
        push_folder(exported, "me/student", public)
    assert hub.commits == []


@pytest.mark.parametrize(
    ("token", "id", "words"),
    [
        ("hf_wrong", "me/student", "does not take this token"),
        (OTHERS, "me/student", "this token may not write to me/student"),
        (None, "you/student", "may not write to you/student"),
    ],
)
def test_what_the_hub_refuses_is_said(
    token: str | None, id: str, words: str, hub: Hub, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if token is not None:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(UserError, match=words):
        push_folder(exported, id, public=False)
    assert hub.files == {}


def test_a_hub_that_is_out_of_reach(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_of_a_test")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="HF_HUB_OFFLINE forbids"):
        push_folder(exported, "me/student", public=False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UserError, match=r"could not be put on the hub .*refused"):
        push_folder(exported, "me/student", public=False)


def test_only_exported_models_that_are_whole_are_sent(tmp_path: Path, exported: Path) -> None:
    with pytest.raises(OutputError, match="is no exported model"):
        files_of(tmp_path)
    (exported / "config.json").write_text('{"a": 1}')
    with pytest.raises(StoreError, match=r"config\.json"):
        files_of(exported)


def test_without_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with pytest.raises(UserError, match="`hf auth login`, or set HF_TOKEN"):
        check_token()


@pytest.mark.parametrize("id", ["student", "me/some/student", "me/stu dent", ""])
def test_names_that_cannot_be(id: str) -> None:
    with pytest.raises(UserError, match="expected owner/name"):
        check_id(id)
