"""Results addressed by what they depend on."""

import multiprocessing
import time
from pathlib import Path
from typing import Any

import pytest

from framework.errors import StoreError
from framework.store import Store


def test_a_result_is_made_once_and_the_manifest_is_written_last(tmp_path: Path) -> None:
    store = Store(tmp_path)
    calls = []

    def make(folder: Path) -> dict[str, Any]:
        calls.append(folder)
        assert not (folder / "manifest.json").exists()
        if len(calls) == 1:
            (folder / "half").touch()
            raise KeyboardInterrupt
        assert (folder / "half").exists()
        return {"found": 7}

    with pytest.raises(KeyboardInterrupt):
        store.produce("models", {"seed": 1}, make)
    assert store.find("models", {"seed": 1}) is None
    made = store.produce("models", {"seed": 1}, make)
    again = store.produce("models", {"seed": 1}, make)
    assert (made.facts, made.reused, again.reused, len(calls)) == ({"found": 7}, False, True, 2)
    assert store.folder("models", {"seed": 2}) != made.folder


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made = store.produce("models", {}, lambda folder: {})
    (made.folder / "manifest.json").write_text("{")
    with pytest.raises(StoreError, match="damaged"):
        store.find("models", {})


def _slowly(root: Path) -> None:
    def make(folder: Path) -> dict[str, Any]:
        with (folder / "calls").open("a") as file:
            file.write("x")
        time.sleep(0.3)
        return {}

    Store(root).produce("models", {}, make)


def test_of_two_processes_one_makes_it_and_the_other_waits(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_slowly, args=(tmp_path,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(20)
        assert process.exitcode == 0
    (calls,) = tmp_path.glob("models/*/calls")
    assert calls.read_text() == "x"
