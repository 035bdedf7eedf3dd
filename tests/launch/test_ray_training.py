"""Two real Ray workers: the same training as one, and it survives a lost worker."""

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from framework.recipe_file import recipe_from_values
from framework.run import run
from tests.forked import start
from tests.listening import assert_for_this_machine_alone
from tests.processes import processes_of, ray_workers
from tests.searching import finish
from tests.tiny import figures, tiny_values

NO_DROPOUT = {"dropout": 0.0, "attention_dropout": 0.0, "qa_dropout": 0.0}


def values(output: Path, workers: int, zero_stage: int = 0) -> dict[str, Any]:
    model = {"dim": 32, "n_layers": 1, "n_heads": 2, "hidden_dim": 64, **NO_DROPOUT}
    return tiny_values(
        output,
        teachers=None,
        baselines=None,
        losses={"hard_label": None},
        student__model={"kind": "config", "architecture": "distilbert", "config": model},
        student__micro_batch=4,
        student__epochs=4,
        engine__workers=workers,
        engine__zero_stage=zero_stage,
    )


def losses(output: Path, results: dict[str, Any]) -> list[float]:
    rows = [json.loads(line) for line in (output / results["models"][0]["history"]).read_text().splitlines()]
    return [row["metrics"]["loss"] for row in rows if row["kind"] == "step"]


@pytest.mark.timeout(900)
def test_two_workers_train_as_one_through_a_polite_kill_and_the_loss_of_one(tmp_path: Path) -> None:
    one = run(recipe_from_values(values(tmp_path / "one", workers=1), "here"))
    recipe = tmp_path / "two.yaml"
    recipe.write_text(yaml.safe_dump(values(tmp_path / "two", workers=2)))

    process = start("run", recipe)
    _wait_for_checkpoint(tmp_path / "two")
    assert_for_this_machine_alone(processes_of(process.pid), tmp_path)
    for each in processes_of(process.pid):  # as systemd and Slurm do
        with suppress(psutil.NoSuchProcess):
            each.terminate()
    said = finish(process, 143)
    assert said.splitlines()[-1] == "distil: stopped; what is done is kept: run the same command again to go on"
    assert "SIGTERM received" not in said
    (path,) = (tmp_path / "two").glob("tiny-*/results.json")
    assert json.loads(path.read_text())["state"] == "failed"
    process = start("run", recipe)
    _kill_a_worker()
    finish(process)
    assert not (tmp_path / "owned").exists()
    (path,) = (tmp_path / "two").glob("tiny-*/results.json")
    two = json.loads(path.read_text())

    expected, found = losses(tmp_path / "one", one), losses(tmp_path / "two", two)
    assert found == pytest.approx(expected, abs=1e-4)
    assert figures(one)["models"][0]["parameters"] == figures(two)["models"][0]["parameters"]


def _wait_for_checkpoint(output: Path) -> None:
    deadline = time.monotonic() + 200
    while not any(output.glob("store/models/*/checkpoints/latest.json")):
        assert time.monotonic() < deadline, "no checkpoint"
        time.sleep(0.01)


def _kill_a_worker() -> None:
    """Kill one of the training workers as soon as they are there; the checkpoint is that of the attempt before."""
    deadline = time.monotonic() + 200
    while not (workers := ray_workers("RayTrainWorker")):
        assert time.monotonic() < deadline, "no worker"
        time.sleep(0.01)
    workers[0].kill()
