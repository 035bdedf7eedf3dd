"""results.json and search.json that are not as they were written."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from distil.framework.errors import StoreError
from distil.framework.files import read_sealed, write_sealed
from distil.framework.recipe.load import recipe_from_values
from distil.framework.results import read_results
from distil.framework.search.log import SearchLog, read_search
from tests.searching import SPACE
from tests.tiny import tiny_values

RUN: dict[str, Any] = {
    "format": 1,
    "name": "tiny",
    "run": "tiny-1a2b3c4d",
    "state": "finished",
    "recipe": {"name": "tiny"},
    "data": {},
    "signals": [],
    "models": [
        {
            "name": "student",
            "role": "student",
            "digest": "0",
            "folder": "store/models/0/model",
            "history": None,
            "parameters": 7,
            "settings": {},
            "evaluation": {"f1": 81.25},
            "latency": None,
            "predictions": None,
        }
    ],
}


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search with a trial that is finished."""
    output = tmp_path_factory.mktemp("search")
    log = SearchLog(recipe_from_values(tiny_values(output, search={"space": SPACE, "trials": 1}), "here"), {})
    log.add({}, {"student.lr": 0.002})
    log.begin(0)
    log.epoch(0, {"epoch": 1, "exact_match": 1.0, "f1": 1.0})
    log.finish_trial(0, {"metrics": {"exact_match": 1.0, "f1": 1.0}, "seeds": [{"folder": "there"}]})
    return log.folder


def _run_of(folder: Path, search: Path) -> tuple[Path, Callable[[Path], dict[str, Any]]]:
    write_sealed(folder / "results.json", RUN)
    return folder / "results.json", read_results


def _search_of(folder: Path, search: Path) -> tuple[Path, Callable[[Path], dict[str, Any]]]:
    (folder / "search.json").write_bytes((search / "search.json").read_bytes())
    return folder / "search.json", read_search


def _edited(path: Path, **changes: Any) -> None:
    """As an editor leaves it."""
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, **changes}))


def _without_checksum(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**read_sealed(path), **changes}))


@pytest.mark.parametrize("kind", [_run_of, _search_of])
@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-40]), "is damaged"),
        (lambda path: path.write_bytes(b""), "is damaged"),
        (lambda path: path.write_bytes(b"\xff\xfe"), "is damaged"),
        (lambda path: path.write_text("[]"), "is damaged (it holds a list and no fields)"),
        (lambda path: path.write_text('{"format": 2}'), "is of format 2; this version reads format 1"),
        (lambda path: path.write_text("{}"), "is of format None"),
        (lambda path: path.write_text('{"format": 1}'), "is damaged (name: Field required)"),
        (lambda path: _edited(path, state="failed"), "is damaged (its content is not what was written)"),
        (lambda path: _without_checksum(path, recipe="mine"), "is damaged (recipe: "),
        (lambda path: _without_checksum(path, state="done"), "is damaged (state: "),
        (lambda path: _without_checksum(path, task={"kind": 3}), "is damaged (task: "),
        (lambda path: _without_checksum(path, models=[{}], trials=[{}]), ".0."),
        (lambda path: _without_checksum(path, models=None, trials={}), "valid list"),
    ],
)
def test_what_is_damaged_is_named_with_what_to_do(
    kind: Any, harm: Callable[[Path], object], said: str, tmp_path: Path, search: Path
) -> None:
    path, read = kind(tmp_path, search)
    assert "crc32" not in read(tmp_path)
    harm(path)
    with pytest.raises(StoreError) as refused:
        read(tmp_path)
    assert said in str(refused.value)
    assert str(path) in str(refused.value)
    if "is damaged" in said:
        assert "again" in str(refused.value)


@pytest.mark.parametrize("kind", [_run_of, _search_of])
def test_what_was_written_before_there_were_checksums_is_read(kind: Any, tmp_path: Path, search: Path) -> None:
    path, read = kind(tmp_path, search)
    before = read(tmp_path)
    _without_checksum(path)
    assert read(tmp_path) == before
