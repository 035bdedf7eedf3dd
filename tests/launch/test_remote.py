"""Work sent to another machine, and the store that it finds there."""

import threading
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest

from distil.framework.digest import Key
from distil.framework.errors import TrainingError
from distil.framework.models.locate import identity
from distil.framework.models.section import FolderModel
from distil.framework.storage import Storage
from distil.framework.store import Store
from distil.launch.remote import StoreLocation, keep_sources, location_of, pack, unpack, with_sources


@dataclass(frozen=True)
class Work:
    store: Store
    made: Path
    unmade: Path
    elsewhere: Path
    text: str


def test_paths_into_the_store_become_paths_into_the_store_there(tmp_path: Path) -> None:
    storage = Storage(f"file://{tmp_path}/shared")
    here, there = Store(tmp_path / "here", storage), Store(tmp_path / "there", storage)

    def make(folder: Path) -> dict[str, int]:
        (folder / "model").mkdir()
        (folder / "model" / "weights").write_text("1")
        return {}

    made = here.produce(Key("models", {}), make)
    work = Work(here, made.folder / "model", here.root / "models" / "later", tmp_path, str(made.folder))
    found = unpack(pack(work, here, []), there)
    assert found.store == there
    assert found.made == there.root / "models" / made.digest / "model"
    assert (found.made / "weights").read_text() == "1"
    assert found.unmade == there.root / "models" / "later"
    assert not found.unmade.exists()
    assert (found.elsewhere, found.text) == (tmp_path, str(made.folder))


def test_a_worker_does_not_wait_for_the_result_that_its_driver_makes_though_another_driver_has_finished_it(
    tmp_path: Path,
) -> None:
    storage = Storage(f"file://{tmp_path}/shared")
    driver, other = Store(tmp_path / "driver", storage), Store(tmp_path / "other", storage)
    found: list[Path] = []

    def make(folder: Path) -> dict[str, int]:
        other.produce(Key("models", {}), lambda there: {"by": 2})  # the other one is quicker
        # A worker on this machine, in the driver's own folder.
        pickled = pack([folder / "model", initial.folder], driver, [folder])
        worker = threading.Thread(target=lambda: found.extend(unpack(pickled, driver)), daemon=True)
        worker.start()
        worker.join(60)
        return {"by": 1}

    initial = driver.produce(Key("initial", {}), lambda folder: {})
    made = driver.produce(Key("models", {}), make)
    assert found == [made.folder / "model", initial.folder]
    assert made.facts == {"by": 1}


def test_a_machine_uses_the_folder_that_it_sees_and_else_one_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISTIL_CACHE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    plain = Store(tmp_path / "runs" / "store")
    kept = Store(plain.root, Storage(f"file://{tmp_path}/shared"))
    assert location_of(plain).here() == plain
    assert location_of(kept).here() == kept

    other = uuid.uuid4().hex  # a folder of the same name, but of another machine
    own = StoreLocation(str(plain.root), kept.storage.uri, other).here()
    assert own.root.is_relative_to(tmp_path / "user" / ".cache" / "distil")
    assert own.storage == kept.storage
    assert location_of(kept).is_in(kept)
    assert not location_of(kept).is_in(own)
    with pytest.raises(TrainingError, match="does not see the folder"):
        StoreLocation(str(plain.root), None, other).here()

    monkeypatch.setenv("DISTIL_CACHE", str(tmp_path / "cache"))
    assert location_of(kept).here().root.is_relative_to(tmp_path / "cache")
    assert location_of(plain).here() == plain


def test_folders_that_recipes_name_are_found_on_another_machine(tmp_path: Path) -> None:
    for name in ("teacher", "student", "tokenizer", "data"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(f'{{"name": "{name}"}}')
    teacher, student, tokenizer, data = (str(tmp_path / name) for name in ("teacher", "student", "tokenizer", "data"))
    recipe = {
        "data": {"source": {"kind": "files", "path": data}},
        "teachers": {"large": {"model": {"kind": "folder", "path": teacher}}},
        "student": {
            "model": {"kind": "hub", "id": "someone/model"},
            "tokenizer": {"kind": "pretrained", "id": tokenizer},
        },
    }
    varied = {**recipe, "student": {"model": {"kind": "folder", "path": student}}}
    storage = Storage(f"file://{tmp_path}/shared")
    here, there = Store(tmp_path / "here", storage), Store(tmp_path / "there", storage)
    kept = keep_sources([recipe, varied], here)
    assert set(kept) == {teacher, student, tokenizer}

    found = with_sources(recipe, kept, there)
    path = found["teachers"]["large"]["model"]["path"]
    assert path.startswith(str(there.root))
    assert identity(FolderModel(kind="folder", path=path)) == identity(FolderModel(kind="folder", path=teacher))
    assert found["data"] == recipe["data"]
    assert found["student"]["model"] == recipe["student"]["model"]
    assert found["student"]["tokenizer"]["id"].startswith(str(there.root))
    drawn = with_sources({"student.model.path": student}, kept, there)
    assert (Path(drawn["student.model.path"]) / "config.json").read_text() == '{"name": "student"}'


def test_files_that_are_links_as_those_of_the_hubs_cache_are_kept_whole(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / "config").write_text("{}")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").symlink_to("../blobs/config")
    storage = Storage(f"file://{tmp_path}/shared")
    here, there = Store(tmp_path / "here", storage), Store(tmp_path / "there", storage)
    recipe = {"model": {"kind": "folder", "path": str(tmp_path / "model")}}
    found = with_sources(recipe, keep_sources([recipe], here), there)
    assert (Path(found["model"]["path"]) / "config.json").read_text() == "{}"
