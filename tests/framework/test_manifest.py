"""What a manifest notices of the files beside it."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distil.framework import manifest
from distil.framework.errors import StoreError
from distil.framework.files import crc_of
from distil.framework.manifest import check_files, check_saved, checksum, read_manifest, write_manifest

WEIGHTS, CONFIG = "model/model.safetensors", "model/config.json"
VALUES = {"kind": "models", "digest": "d", "facts": {"f1": 81.25, "steps": {10: 1, 9: 2}, "text": "ё"}}


@pytest.fixture
def result(tmp_path: Path) -> Path:
    folder = tmp_path / "result"
    (folder / "model").mkdir(parents=True)
    (folder / WEIGHTS).write_bytes(bytes(range(256)) * 64)
    (folder / CONFIG).write_text('{"n_layers": 2}')
    (folder / "model" / "empty.txt").touch()
    write_manifest(folder, VALUES)
    (folder / "model" / ".lock").touch()
    return folder


def flip(path: Path, bit: int = 4321) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda folder: flip(folder / WEIGHTS), f"{WEIGHTS} has other bytes than were written"),
        (lambda folder: flip(folder / CONFIG, 100), f"{CONFIG} has other bytes than were written"),
        (lambda folder: (folder / CONFIG).unlink(), f"{CONFIG} is missing"),
        (lambda folder: (folder / WEIGHTS).write_bytes(b"short"), f"{WEIGHTS} has 5 of 16384 bytes"),
        (lambda folder: (folder / "model" / "empty.txt").write_text("x"), "empty.txt has 1 of 0 bytes"),
        (lambda folder: flip(folder / "manifest.json", 800), "manifest.json is damaged"),
    ],
)
def test_whatever_is_damaged_is_named_with_what_to_do(result: Path, harm: Callable[[Path], object], said: str) -> None:
    check_files(result)
    harm(result)
    for check in (check_files, check_saved, lambda folder: check_saved(folder / "model")):
        with pytest.raises(StoreError, match=said) as refused:
            check(result)
        assert str(result) in str(refused.value)
        assert "delete that folder and run its recipe again" in str(refused.value)


def test_what_was_whole_is_read_once_as_long_as_nothing_is_written(
    result: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []
    for name in (WEIGHTS, CONFIG, "model/empty.txt"):
        os.utime(result / name, (1e9, 1e9))  # not only just written
    monkeypatch.setattr(manifest, "checksum", lambda path: read.append(path) or checksum(path))
    monkeypatch.setattr(manifest, "_found_whole", {})
    check_files(result)
    assert len(read) == 3
    check_saved(result / "model")
    assert len(read) == 3
    (result / CONFIG).touch()
    check_files(result)
    assert len(read) == 6


def test_what_changes_within_a_tick_of_the_clock_is_noticed(result: Path) -> None:
    tick = (time.time() + 600,) * 2  # one that is not over when it is looked at
    os.utime(result / WEIGHTS, tick)
    check_files(result)
    flip(result / WEIGHTS)
    os.utime(result / WEIGHTS, tick)
    with pytest.raises(StoreError, match="has other bytes"):
        check_files(result)


def test_a_copy_says_how_a_change_that_is_meant_is_accepted(tmp_path: Path) -> None:
    for name in ("README.md", "config.json"):
        (tmp_path / name).write_text(name)
    write_manifest(tmp_path, {"kind": "copy"}, but_for=("README.md",))
    (tmp_path / "README.md").write_text("mine")
    check_saved(tmp_path)
    (tmp_path / "config.json").write_text("mine")
    with pytest.raises(StoreError, match=r"config\.json has 4 of 11 bytes; export it anew, or delete manifest\.json"):
        check_saved(tmp_path)


@pytest.mark.parametrize("content", ['{"facts": {}}', '{"name": "an app", "files": ["a"]}', "not JSON"])
def test_manifests_of_before_and_of_others_have_nothing_to_check(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    check_saved(tmp_path)


@given(st.data())
def test_no_flipped_bit_of_a_manifest_goes_unnoticed(data: st.DataObject) -> None:
    values: dict[str, Any] = {"facts": {"f1": 81.25, "ё": None}, "files": {}}
    content = bytearray(json.dumps({**values, "crc32": crc_of(values)}, ensure_ascii=False).encode())
    assert read_manifest(bytes(content), Path("manifest.json")) == values
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    content[bit // 8] ^= 1 << bit % 8
    try:
        found = read_manifest(bytes(content), Path("manifest.json"))
    except StoreError:
        return
    assert found == values  # in white space, say
