"""A finished run is known again without its data being read, and whatever can change a result is noticed."""

import json
import os
import shutil
from pathlib import Path

import pytest

from distil.framework import basis
from distil.framework.basis import BASIS, basis_of, finished_run
from distil.framework.errors import StoreError
from distil.framework.own_code import as_imported
from distil.framework.recipe.load import recipe_from_values
from distil.framework.recipe.schema import Recipe
from distil.framework.run import run
from tests.tiny import tiny_values

LOSS = """
from typing import ClassVar

from distil.framework.config import Section


class Own(Section):
    kind: str
    weight: float = 1.0
    temperature: float = 1.0
    source: ClassVar[str] = "signal"

    def __call__(self, logits, target):
        return -(target.signal * logits.log_softmax(-1)).sum(-1)
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    """A recipe of files, a model's folder and another tokenizer's."""
    for split in ("train", "dev"):
        row = {"id": split, "context": "Анна живёт в Омске.", "question": f"Где она? {split}"}
        (tmp_path / f"{split}.jsonl").write_text(
            json.dumps({**row, "answers": {"text": ["в Омске"], "answer_start": [11]}})
        )
    for name in ("model", "tokenizer"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text('{"model_type": "bert"}')
        (tmp_path / name / "tokenizer.json").write_text("{}")
    files = {name: str(tmp_path / f"{name}.jsonl") for name in ("train", "dev")}
    values = tiny_values(
        tmp_path / "runs",
        data={"source": {"kind": "files", "path": files}, "splits": {"train": "train", "dev": "dev"}},
        student__model={"kind": "folder", "path": str(tmp_path / "model")},
        student__tokenizer={"kind": "pretrained", "id": str(tmp_path / "tokenizer")},
    )
    return recipe_from_values(values, "here")


@pytest.mark.parametrize("place", ["train.jsonl", "dev.jsonl", "model/config.json", "tokenizer/tokenizer.json"])
def test_an_edited_file_is_noticed_by_its_content(recipe: Recipe, tmp_path: Path, place: str) -> None:
    path = tmp_path / place
    before, written, content = basis_of(recipe), path.stat(), path.read_bytes()
    assert before is not None
    assert basis_of(recipe) == before
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(path, ns=(written.st_atime_ns, written.st_mtime_ns))
    assert path.stat().st_size == written.st_size
    assert basis_of(recipe) != before
    path.write_bytes(content)
    assert basis_of(recipe) == before


def test_other_code_libraries_devices_and_values_are_noticed(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [basis_of(recipe), basis_of(recipe.model_copy(update={"description": "another"}))]
    for name, value in (("_code", lambda: "other"), ("_version", lambda library: "9.9"), ("_DEVICES", ("null",))):
        with monkeypatch.context() as context:
            context.setattr(basis, name, value)
            found.append(basis_of(recipe))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    found.append(basis_of(recipe))
    assert None not in found
    assert len(set(found)) == len(found)


def test_the_users_own_code_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "own_basis_loss.py"
    module.write_text(LOSS)
    monkeypatch.syspath_prepend(str(tmp_path))
    recipe = recipe_from_values(tiny_values(tmp_path, losses={"own": {"kind": "own_basis_loss:Own"}}), "here")
    before = basis_of(recipe)
    assert before is not None
    module.write_text(LOSS + "# changed\n")
    as_imported.cache_clear()  # another process reads the file anew
    assert basis_of(recipe) != before


def test_what_cannot_be_told_beforehand_is_left_to_the_run(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "dev.jsonl").unlink()
    assert basis_of(recipe) is None


def test_a_finished_run_is_known_as_long_as_all_that_it_left_is_there(tmp_path: Path) -> None:
    alone = {"teachers": None, "baselines": None, "losses": {"hard_label": {}}}
    recipe = recipe_from_values(tiny_values(tmp_path, **alone), "here")
    assert finished_run(recipe) is None
    results = run(recipe)
    found = finished_run(recipe)
    assert found is not None
    assert found.results == results
    assert found.stages[-3:] == ["train student", "evaluate student", "time all models, in turn"]
    assert finished_run(recipe.model_copy(update={"description": "another"})) is None

    predictions = recipe.run_folder / results["models"][0]["predictions"]
    for path in (recipe.run_folder / "results.json", predictions, recipe.run_folder / BASIS):
        content = path.read_bytes()
        path.write_bytes(content[:-3] + b"x" + content[-2:])
        assert finished_run(recipe) is None, path
        path.write_bytes(content)
    weights = tmp_path / results["models"][0]["folder"] / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(StoreError, match=r"model\.safetensors has other bytes.*delete that folder"):
        finished_run(recipe)
    shutil.rmtree(weights.parents[1])
    assert finished_run(recipe) is None


def test_what_other_versions_made_is_looked_for_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = tiny_values(tmp_path, teachers=None, baselines=None, losses={"hard_label": {}})
    recipe = recipe_from_values(values, "here")
    run(recipe)
    monkeypatch.setattr("distil.framework.digest._installed", lambda library: "9.9")
    values["engine"]["accept_versions"] = True
    accepting = recipe_from_values(values, "here")
    assert run(accepting)["accepted"]
    assert finished_run(accepting) is None
