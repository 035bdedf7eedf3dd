"""Checkpoints that run no code, and trainings that outlive a kill at any moment."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from distil.framework.errors import StoreError
from distil.framework.files import read_json, read_sealed, write_sealed
from distil.framework.manifest import described
from distil.framework.store import Store
from tests.framework.training.students import Stop, stopped, student


class Harmful:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize(
    ("zero_stage", "file"),
    [(0, "worker-0.pt"), (0, "engine.pt"), (1, "*_optim_states.pt"), (3, "*_model_states.pt")],
)
def test_no_file_of_a_checkpoint_runs_code(tmp_path: Path, zero_stage: int, file: str) -> None:
    _, stage, folder = stopped(tmp_path / "runs", 6, engine__zero_stage=zero_stage)
    (path,) = folder.glob(f"checkpoints/step-*/{file}")
    content = torch.load(path, weights_only=False)
    torch.save({**content, "more": Harmful(tmp_path / "mark")}, path, pickle_protocol=2)
    _seal_anew(folder)
    told = r"step-\d+ cannot be read \(it holds more than tensors and numbers\); to begin .* delete .*latest\.json"
    with pytest.raises(StoreError, match=told):
        stage.make(folder)
    assert not (tmp_path / "mark").exists()
    torch.load(path, weights_only=False)
    assert (tmp_path / "mark").exists()  # so it would have
    assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ


def test_a_checkpoint_that_lost_a_file_is_named_and_without_it_the_training_begins_anew(tmp_path: Path) -> None:
    context, stage, folder = stopped(tmp_path, 6)
    (path,) = folder.glob("checkpoints/step-*/engine.pt")
    path.unlink()
    told = r"checkpoints/step-\d+ cannot be read \(engine.pt is missing\).* delete .*latest\.json"
    with pytest.raises(StoreError, match=told):
        stage.make(folder)
    (folder / "checkpoints" / "latest.json").unlink()
    assert context.store.produce(stage.key, stage.make).facts["steps"] > 0


def _seal_anew(folder: Path) -> None:
    """Let the files of a checkpoint be as they were written: whoever means harm can."""
    (step,) = folder.glob("checkpoints/step-*/")
    latest = folder / "checkpoints" / "latest.json"
    write_sealed(latest, {**read_sealed(latest), "files": described(step, step.iterdir())})


def test_no_damage_of_a_checkpoint_is_taken_in_silence(tmp_path: Path) -> None:
    _, stage, folder = stopped(tmp_path, 6)
    latest = folder / "checkpoints" / "latest.json"
    paths = [*folder.glob("checkpoints/step-*/*"), latest]
    assert set(read_json(latest)["files"]) == {path.name for path in paths} - {"latest.json"}
    for path in paths:
        whole = path.read_bytes()
        middle = len(whole) // 2
        path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
        with pytest.raises(StoreError, match=rf"{path.name} .*to begin this training anew delete"):
            stage.make(folder)
        path.write_bytes(whole)
    stage.make(folder)
    assert (folder / "model" / "model.safetensors").exists()


def test_a_checkpoint_that_is_damaged_here_is_brought_from_the_storage(tmp_path: Path) -> None:
    storage = {"storage": f"file://{tmp_path}/shared"}
    _, stage, folder = stopped(tmp_path / "runs", 6, **storage)
    (path,) = folder.glob("checkpoints/step-*/worker-0.pt")
    path.write_bytes(path.read_bytes()[:-1])
    stage.make(folder)
    (path,) = tmp_path.glob("shared/store/models/*/history.jsonl")
    steps = [json.loads(row)["step"] for row in path.read_text().splitlines()]
    assert steps == sorted(steps)


@pytest.mark.parametrize("storage", [False, True])
def test_a_kill_while_a_finished_trainings_checkpoints_are_removed_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, storage: bool
) -> None:
    changes = {"storage": f"file://{tmp_path}/shared"} if storage else {}
    context, stage, folder = stopped(tmp_path / "runs", 6, **changes)
    weights: list[bytes] = []
    removed: list[str] = []

    remove = Store.remove

    def killed(store: Store, path: Path) -> None:
        if path.name.startswith("step-"):  # an older checkpoint, while the training lasts
            remove(store, path)
            return
        weights.append((folder / "model" / "model.safetensors").read_bytes())
        removed.append(path.name)
        for step in folder.glob("checkpoints/step-*/"):
            shutil.rmtree(step)
        raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(Store, "remove", killed)
        with pytest.raises(Stop):
            context.store.produce(stage.key, stage.make)
    assert removed == ["latest.json"]
    _, again = student(tmp_path / "runs", train=_nobody, **changes)
    made = context.store.produce(again.key, again.make)
    assert made.facts == read_sealed(folder / "finished.json")
    assert (folder / "model" / "model.safetensors").read_bytes() == weights[0]
    assert not (folder / "checkpoints").exists()
    if storage:
        assert not (tmp_path / "shared" / "store" / "models" / folder.name / "checkpoints").exists()


def _nobody(*_: object) -> Any:
    raise AssertionError("trained again")


def test_random_states_are_plain_data(tmp_path: Path) -> None:
    from distil.framework.training.random_state import random_state, set_random_state

    torch.save(random_state(), tmp_path / "state.pt")
    expected = _drawn()
    set_random_state(torch.load(tmp_path / "state.pt", weights_only=True))
    assert _drawn() == expected


def _drawn() -> list[float]:
    import random

    import numpy as np

    return [random.random(), float(np.random.rand()), float(np.random.randn()), float(torch.rand(1))]
