"""Models in folders, for machines that do not see them."""

from pathlib import Path

from framework.models.locate import identity
from framework.models.section import FolderModel
from framework.sources import keep_sources, with_sources
from framework.storage import Storage
from framework.store import Store


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
