"""Two real Ray workers: the same training as one, and it survives a lost worker."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from framework.recipe_file import recipe_from_values
from framework.run import run
from tests.processes import left_by, ray_workers
from tests.tiny import figures, tiny_values

RUN = """
import json, sys
from framework.recipe_file import recipe_from_values
from framework.run import run
from framework.progress import SILENT
from launch.quiet import be_quiet
be_quiet()
from launch.training import trainer_for
print(json.dumps(run(recipe_from_values(json.loads(sys.argv[1]), "here"), train=trainer_for(SILENT))))
"""
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


def start(recipe: dict[str, Any]) -> "subprocess.Popen[str]":
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment.pop("RAY_ADDRESS", None)
    return subprocess.Popen(
        [sys.executable, "-c", RUN, json.dumps(recipe)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )


def finish(process: "subprocess.Popen[str]") -> dict[str, Any]:
    output, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    assert left_by(process) == []
    return json.loads(output.splitlines()[-1])


@pytest.mark.timeout(400)
def test_two_workers_train_as_one_and_survive_the_loss_of_one(tmp_path: Path) -> None:
    one = run(recipe_from_values(values(tmp_path / "one", workers=1), "here"))
    assert recipe_from_values(values(tmp_path / "two", workers=2), "here").engine.workers == 2

    process = start(values(tmp_path / "two", workers=2))
    killed: list[int] = []
    thread = threading.Thread(target=_kill_a_worker, args=(tmp_path / "two", killed))
    thread.start()
    two = finish(process)
    thread.join()
    assert killed, "no worker was killed"

    expected, found = losses(tmp_path / "one", one), losses(tmp_path / "two", two)
    assert found == pytest.approx(expected, abs=1e-4)
    assert figures(one)["models"][0]["parameters"] == figures(two)["models"][0]["parameters"]


def _kill_a_worker(output: Path, killed: list[int]) -> None:
    """Kill one of the training workers once there is a checkpoint to go on from."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and not killed:
        if any(output.glob("store/models/*/checkpoints/latest.json")):
            for worker in ray_workers("RayTrainWorker")[:1]:
                worker.kill()
                killed.append(worker.pid)
        time.sleep(0.01)
