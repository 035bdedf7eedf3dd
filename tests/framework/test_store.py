"""Results addressed by what they depend on."""

import multiprocessing
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from distil.framework.digest import Key
from distil.framework.errors import StoreError
from distil.framework.storage import Storage
from distil.framework.store import Store


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
        store.produce(Key("models", {"seed": 1}), make)
    assert store.find(Key("models", {"seed": 1})) is None
    made = store.produce(Key("models", {"seed": 1}), make)
    again = store.produce(Key("models", {"seed": 1}), make)
    assert (made.facts, made.reused, again.reused, len(calls)) == ({"found": 7}, False, True, 2)
    assert store.folder(Key("models", {"seed": 2})) != made.folder


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made = store.produce(Key("models", {}), lambda folder: {})
    (made.folder / "manifest.json").write_text("{")
    with pytest.raises(StoreError, match="damaged"):
        store.find(Key("models", {}))


def _slowly(root: Path) -> None:
    def make(folder: Path) -> dict[str, Any]:
        with (folder / "calls").open("a") as file:
            file.write("x")
        time.sleep(0.3)
        return {}

    Store(root).produce(Key("models", {}), make)


def test_of_two_processes_one_makes_it_and_the_other_waits(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_slowly, args=(tmp_path,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    (calls,) = tmp_path.glob("models/*/calls")
    assert calls.read_text() == "x"


def test_machines_that_share_no_folder_share_results_by_a_storage(tmp_path: Path) -> None:
    storage = Storage(f"file://{tmp_path}/shared")
    here, there = Store(tmp_path / "here", storage), Store(tmp_path / "there", storage)

    def make(folder: Path) -> dict[str, Any]:
        (folder / "inner").mkdir()
        (folder / "inner" / "file").write_text("made")
        return {"found": 7}

    made = here.produce(Key("models", {"seed": 1}), make)
    found = there.produce(Key("models", {"seed": 1}), make)
    assert (found.facts, found.reused, found.folder.exists()) == ({"found": 7}, True, False)
    assert there.bring(found.folder) == tmp_path / "there" / "models" / made.digest
    assert (found.folder / "inner" / "file").read_text() == "made"
    assert (found.folder / "manifest.json").read_bytes() == (made.folder / "manifest.json").read_bytes()
    assert there.find(Key("models", {"seed": 2})) is None


def test_a_result_that_was_made_without_the_storage_is_copied_there_when_it_is_needed(tmp_path: Path) -> None:
    storage = Storage(f"file://{tmp_path}/shared")
    made = Store(tmp_path / "here").produce(Key("models", {}), lambda folder: {"found": 7})
    there = Store(tmp_path / "there", storage)
    assert there.find(Key("models", {})) is None
    Store(tmp_path / "here", storage).produce(Key("models", {}), lambda folder: {})
    found = there.find(Key("models", {}))
    assert found is not None
    assert found.facts == made.facts


def test_an_unfinished_result_goes_on_on_another_machine(tmp_path: Path) -> None:
    storage = Storage(f"file://{tmp_path}/shared")
    here, there = Store(tmp_path / "here", storage), Store(tmp_path / "there", storage)
    folder = here.folder(Key("models", {}))
    (folder / "part").mkdir(parents=True)
    for name in ("one", "part/two", "part/three"):
        (folder / name).write_text(name)
        here.push(folder / name)
    other = there.folder(Key("models", {}))
    assert there.pull(other / "one")
    assert not there.pull(other / "none")
    there.pull_folder(other / "part")
    assert sorted(path.name for path in other.rglob("*") if path.suffix != ".lock") == ["one", "part", "three", "two"]
    there.bring(other)
    assert not (other / "manifest.json").exists()
    there.remove(other / "part")
    assert not (other / "part").exists()
    kept = [storage.exists(f"store/models/{folder.name}/{name}") for name in ("one", "part/two", "part/three")]
    assert kept == [True, False, False]


def test_a_result_that_is_damaged_is_refused_named_and_made_again_once_it_is_deleted(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made = store.produce(Key("models", {}), _with_a_file)
    (made.folder / "file").write_text("mads")
    with pytest.raises(StoreError, match=f"{made.folder} is damaged: file has other bytes"):
        store.bring(made.folder)
    shutil.rmtree(made.folder)
    assert not store.produce(Key("models", {}), _with_a_file).reused
    assert (store.bring(made.folder) / "file").read_text() == "made"


def test_what_a_storage_has_is_checked_on_its_way_there_and_back(tmp_path: Path) -> None:
    storage = Storage(f"file://{tmp_path}/shared")
    here, there = Store(tmp_path / "here", storage), Store(tmp_path / "there", storage)
    folder = Store(tmp_path / "here").produce(Key("models", {}), _with_a_file).folder
    (folder / "file").write_text("mads")
    with pytest.raises(StoreError, match="damaged"):
        here.produce(Key("models", {}), _with_a_file)
    (folder / "file").write_text("made")
    here.produce(Key("models", {}), _with_a_file)

    kept = tmp_path / "shared" / "store" / "models" / folder.name / "file"
    kept.write_text("mads")
    other = there.folder(Key("models", {}))
    for _ in range(2):
        with pytest.raises(StoreError, match=f"file has other bytes.*came like that from {storage.uri}/store/models"):
            there.bring(other)
    kept.write_text("made")
    os.utime(kept, (1e9, 1e9))  # another time than before, whatever a tick of the clock is
    assert (there.bring(other) / "file").read_text() == "made"


def _with_a_file(folder: Path) -> dict[str, Any]:
    (folder / "file").write_text("made")
    return {}


def test_a_result_of_other_versions_is_found_by_what_it_holds(tmp_path: Path) -> None:
    storage = Storage(f"file://{tmp_path}/shared")
    here, there = Store(tmp_path / "here", storage), Store(tmp_path / "there", storage)
    keys = [Key("models", {"seed": 1}, {"torch": torch}) for torch in ("1", "2", "3")]
    assert here.of_other_versions(keys[2]) is None
    for number, key in enumerate(keys[:2]):
        here.produce(key, lambda folder, number=number: {"found": number})
    here.produce(Key("models", {"seed": 2}, {"torch": "1"}), lambda folder: {"found": 9})
    unfinished = here.folder(keys[2])
    unfinished.mkdir()
    for store in (here, there):
        found = store.of_other_versions(keys[2])
        assert found is not None
        assert (found.digest, found.facts, found.versions) == (keys[1].digest, {"found": 1}, {"torch": "2"})
    only = here.of_other_versions(keys[1])
    assert only is not None
    assert only.digest == keys[0].digest
