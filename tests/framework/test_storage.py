"""A place that several machines reach."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow.fs as pafs
import pytest

from distil.framework import storage as storage_module
from distil.framework.errors import OutputError, RecipeError
from distil.framework.recipe.load import recipe_from_values
from distil.framework.storage import Storage
from tests.tiny import tiny_values


@pytest.fixture(params=["file", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "file":
        return Storage(f"file://{tmp_path}/shared")
    return Storage(f"memory://{tmp_path.name}")  # a file system of fsspec


def test_files_and_folders_come_back_as_they_were(storage: Storage, tmp_path: Path) -> None:
    storage.check()
    source = tmp_path / "source"
    (source / "inner").mkdir(parents=True)
    (source / "inner" / "a.bin").write_bytes(bytes(range(256)))
    (source / "b.txt").write_text("б")
    (source / "mine.lock").touch()
    storage.put(source, "some/place", last="b.txt")
    assert storage.read("some/place/b.txt") == "б".encode()
    assert storage.exists("some/place/inner/a.bin")

    target = tmp_path / "target"
    storage.get("some/place", target, last="b.txt")
    assert (target / "inner" / "a.bin").read_bytes() == bytes(range(256))
    assert sorted(path.name for path in target.rglob("*") if path.is_file()) == ["a.bin", "b.txt"]

    (source / "b.txt").write_text("another")
    storage.put(source / "b.txt", "some/place/b.txt")
    storage.get("some/place", target, missing=True)
    assert (target / "b.txt").read_text() == "б"
    assert storage.get_file("some/place/b.txt", target / "b.txt")
    assert (target / "b.txt").read_text() == "another"


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("s3://bucket/distil", "s3://bucket/distil/ray/run"),
        ("s3://bucket/distil/?region=ru-1", "s3://bucket/distil/ray/run?region=ru-1"),
        ("file:///mnt/shared", "file:///mnt/shared/ray/run"),
    ],
)
def test_options_of_a_uri_follow_the_place(uri: str, place: str) -> None:
    assert Storage(uri).uri_of("ray/run") == place


def test_what_came_from_a_storage_is_not_sent_back(tmp_path: Path) -> None:
    storage, shared = Storage(f"file://{tmp_path}/shared"), tmp_path / "shared" / "place"
    names = ("same", "longer", "later", "last")
    (tmp_path / "here").mkdir()
    for name in names:
        (tmp_path / "here" / name).write_text("1")
    storage.put(tmp_path / "here", "place")
    there = tmp_path / "there"
    storage.get("place", there)
    files = {name: (shared / name).stat().st_ino for name in names}
    (there / "longer").write_text("12")
    (there / "later").write_text("2")
    os.utime(there / "later", (1e9, 1e9))  # another time than before, whatever a tick of the clock is
    (there / "new").write_text("3")
    storage.put(there, "place", last="last")
    assert {name: (shared / name).read_text() for name in (*names, "new")} == {
        "same": "1",
        "longer": "12",
        "later": "2",
        "last": "1",
        "new": "3",
    }
    assert [name for name in names if (shared / name).stat().st_ino != files[name]] == ["longer", "later"]


def test_what_is_not_there(storage: Storage, tmp_path: Path) -> None:
    assert storage.read("nothing") is None
    assert not storage.exists("nothing/at/all")
    assert not storage.get_file("nothing", tmp_path / "here")
    storage.get("nothing", tmp_path / "folder")
    assert not (tmp_path / "folder").exists()
    storage.remove("nothing")


def test_files_and_folders_are_removed(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    for name in ("x/one", "x/y/two", "three"):
        storage.put(tmp_path / "a", name)
    storage.remove("x")
    assert [storage.exists(name) for name in ("x/one", "x/y/two", "three")] == [False, False, True]
    storage.remove("three")
    assert not storage.exists("three")


def test_what_cannot_be_reached_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for uri in (f"file://{tmp_path}/file/inside", "nosuch://bucket/folder"):
        with pytest.raises(OutputError, match=f"the storage {uri} cannot be used"):
            Storage(uri).check()
    with pytest.raises(RecipeError, match="storage"):
        recipe_from_values(tiny_values(tmp_path, storage="/mnt/shared"), "here")


def test_several_may_remove_a_folder_while_others_write_beside_it(tmp_path: Path) -> None:
    storage, source = Storage(f"file://{tmp_path}/shared"), tmp_path / "source"
    for number in range(40):
        inner = source / f"{number}"
        inner.mkdir(parents=True)
        (inner / "a.txt").touch()
    (tmp_path / "b.txt").touch()
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            storage.put(source, "model/checkpoints")
            work = [pool.submit(storage.remove, "model/checkpoints") for _ in range(3)]
            work.append(pool.submit(storage.put, tmp_path / "b.txt", "model/b.txt"))
            work.append(pool.submit(storage.put, source / "0", "model"))
            for one in work:
                one.result()
    assert storage.exists("model/b.txt")
    assert not storage.exists("model/checkpoints/1/a.txt")


def test_names_that_lead_elsewhere_are_not_followed() -> None:
    """As object stores allow them."""

    class Bucket:
        def get_file_info(self, selector: pafs.FileSelector) -> list[pafs.FileInfo]:
            names = ("weights", "inner/more", "../../../etc/evil", "inner/../../other")
            return [pafs.FileInfo(f"{selector.base_dir}/{name}", type=pafs.FileType.File) for name in names]

    assert set(storage_module._found(Bucket(), "bucket/store/model")) == {"weights", "inner/more"}
