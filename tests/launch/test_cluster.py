"""Work on a cluster whose machines share no disk, and one of which leaves."""

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests.clusters import Node, cluster
from tests.searching import SEARCH, recipe_file
from tests.tiny import tiny_values

pytestmark = pytest.mark.timeout(600)
LOSS = '''
"""A loss that only the driver's folder has."""

from typing import ClassVar

from framework.config import Section
from framework.losses.base import Weight


class Steady(Section):
    kind: str
    weight: Weight = 1.0
    temperature: ClassVar[float] = 1.0
    source: ClassVar[str] = "labels"

    def __call__(self, logits, target):
        return 0.001 * logits.clamp(-10, 10).pow(2).mean(-1)
'''
LOSSES = {"kl": {}, "hard_label": {}, "steady": {"kind": "my_losses:Steady"}}
LABELS_ALONE = {"teachers": None, "baselines": None, "losses": {"hard_label": {}}}


def distil(folder: Path, address: str | None, *arguments: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **({"RAY_ADDRESS": address} if address else {})}
    return subprocess.Popen(
        [sys.executable, "-m", "launch.cli", *arguments],
        cwd=folder,
        env={**environment, "PYTHONPATH": os.pathsep.join([str(Path.cwd()), str(folder)])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: "subprocess.Popen[str]") -> str:
    output, _ = process.communicate(timeout=400)
    print(output)
    assert process.returncode == 0, output
    return output


def student(folder: Path) -> tuple[str, dict[str, float]]:
    """Digest of the student's weights, and its figures."""
    (path,) = folder.glob("runs/*/results.json")
    found = next(model for model in json.loads(path.read_text())["models"] if model["role"] == "student")
    return weights(path.parent.parent / found["folder"]), found["evaluation"]


def weights(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def lost(nodes: list[Node], pattern: str) -> Node:
    """Kill the first node on which such a file appears, and return it."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        for node in nodes:
            if node.has(pattern):
                node.kill()
                return node
        time.sleep(0.01)
    raise AssertionError(f"no node has {pattern}")


def test_a_search_on_machines_that_share_no_disk_outlives_one_of_them(tmp_path: Path) -> None:
    with cluster(tmp_path, 2) as (address, nodes):
        space = {"student.lr": {"kind": "choice", "values": [1e-3, 2e-3]}}
        search = {**SEARCH, "space": space, "searcher": {"kind": "grid"}, "scheduler": {"kind": "none"}, "trials": None}
        recipe = recipe_file(tmp_path / "driver", search=search, losses=LOSSES, storage=f"file://{tmp_path}/shared")
        (recipe.parent / "my_losses.py").write_text(LOSS)
        process = distil(recipe.parent, address, "search", recipe.name)
        gone = lost(nodes, "models/*/checkpoints/latest.json")
        output = finish(process)
        assert output.count("finished") >= 2
        (other,) = (node for node in nodes if node is not gone)
        assert other.has("models/*/manifest.json")
        (path,) = recipe.parent.glob("runs/found-*/search.json")
        found = json.loads(path.read_text())
        assert [trial["state"] for trial in found["trials"]] == ["finished", "finished"]
        assert [[row["epoch"] for row in trial["epochs"]] for trial in found["trials"]] == [[1, 2, 3, 4, 5]] * 2

        # Streamed by a teacher's actor on the node that is left, from signals that the driver cannot see being written.
        streamed = yaml.safe_load((path.parent / "best.yaml").read_text())
        streamed |= {"name": "streamed", "seed": 4}
        streamed["signals"]["mode"] = "streamed"
        (recipe.parent / "streamed.yaml").write_text(yaml.safe_dump(streamed))
        assert "streamed by Ray actors" in finish(distil(recipe.parent, address, "run", "streamed.yaml"))

    best = found["trials"][found["best"]]
    finish(distil(recipe.parent, None, "run", str(path.parent / "best.yaml"), "output=alone", "storage=null"))
    (alone,) = recipe.parent.glob("alone/found-*/results.json")
    there = next(model for model in json.loads(alone.read_text())["models"] if model["role"] == "student")
    assert there["evaluation"]["f1"] == best["metrics"]["f1"]
    assert weights(alone.parent.parent / there["folder"]) == weights(
        recipe.parent / "runs" / best["seeds"][0]["folder"]
    )


def test_a_run_of_two_workers_on_machines_that_share_no_disk_outlives_one_of_them(tmp_path: Path) -> None:
    values = tiny_values(tmp_path, student__epochs=6, engine__workers=2, engine__zero_stage=1, **LABELS_ALONE)
    whole = {**values, "output": "runs"}
    with cluster(tmp_path, 3) as (address, nodes):
        broken = {**values, "output": "runs", "storage": f"file://{tmp_path}/shared"}
        (tmp_path / "driver" / "r.yaml").write_text(yaml.safe_dump(broken))
        process = distil(tmp_path / "driver", address, "run", "r.yaml")
        lost(nodes, "models/*/checkpoints/latest.json")
        finish(process)
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "r.yaml").write_text(yaml.safe_dump(whole))
    finish(distil(tmp_path / "alone", None, "run", "r.yaml"))
    assert student(tmp_path / "driver") == student(tmp_path / "alone")
