"""Work on a cluster whose machines share no disk, and leave one after the other."""

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import run
from tests.clusters import Node, cluster
from tests.forked import Command, start
from tests.pausing import paused
from tests.searching import SEARCH, finish, recipe_file
from tests.tiny import model_of, tiny_values

pytestmark = pytest.mark.timeout(900)
LOSS = '''
"""A loss that only the driver's folder has. Trainings wait for it on a machine that has a checkpoint, as long as there is the file `pause`."""

import os
import time
from pathlib import Path
from typing import ClassVar

from distil.framework.config import Section
from distil.framework.losses.base import Weight


class Steady(Section):
    kind: str
    weight: Weight = 1.0
    pause: str
    temperature: ClassVar[float] = 1.0
    source: ClassVar[str] = "labels"

    def __call__(self, logits, target):
        cache = Path(os.environ.get("DISTIL_CACHE", os.devnull))
        while Path(self.pause).exists() and any(cache.glob("*/store/models/*/checkpoints/latest.json")):
            time.sleep(0.02)
        return 0.001 * logits.amax(-1).pow(2)
'''
MODEL: dict[str, Any] = {
    "kind": "config",
    "architecture": "distilbert",
    "config": {"dim": 32, "n_layers": 1, "n_heads": 2, "hidden_dim": 64},
}
MODEL["config"] |= {"dropout": 0.0, "attention_dropout": 0.0, "qa_dropout": 0.0}  # else two workers drop other units


def student(run: Path) -> dict[str, Any]:
    return model_of(json.loads((run / "results.json").read_text()), "student")


def losses(history: Path) -> list[float]:
    rows = [json.loads(line) for line in history.read_text().splitlines()]
    return [row["metrics"]["loss"] for row in rows if row["kind"] == "step"]


def weights(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def lost(nodes: list[Node], pattern: str, process: Command) -> Node:
    """Kill the first node on which such a file appears while a command runs, and return it."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and process.poll() is None:
        for node in nodes:
            if node.has(pattern):
                node.kill()
                return node
        time.sleep(0.05)
    process.kill()
    raise AssertionError(f"no node has {pattern}: {process.stdout.read()}")


def test_runs_and_searches_on_machines_that_share_no_disk_outlive_two_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, driver, pause = f"file://{tmp_path}/shared", tmp_path / "driver", tmp_path / "pause"
    labels = {"hard_label": {}, "steady": {"kind": "steady_loss:Steady", "pause": str(pause)}}
    with cluster(tmp_path, 3) as (address, nodes):
        (driver / "steady_loss.py").write_text(LOSS)
        monkeypatch.syspath_prepend(driver)
        monkeypatch.chdir(driver)
        monkeypatch.setenv("RAY_ADDRESS", address)

        # Two workers on two machines, of which one leaves; the third takes its place.
        two = tiny_values(
            Path("runs"),
            student__epochs=6,
            student__checkpoint_every=2,
            student__model=MODEL,
            engine__workers=2,
            engine__zero_stage=1,
            teachers=None,
            baselines=None,
            losses=labels,
        )
        (driver / "two.yaml").write_text(yaml.safe_dump({**two, "storage": storage}))
        with paused(pause):
            process = start("run", "two.yaml")
            nodes.remove(lost(nodes, "models/*/checkpoints/latest.json", process))
        assert "this cluster asks for no token" in finish(process)
        assert not any(node.has("models/*/checkpoints/*") for node in nodes)

        # Trials, one after the other, the first of which loses its machine; the last one is left.
        space = {"student.lr": {"kind": "choice", "values": [1e-3, 2e-3]}}
        search = {**SEARCH, "space": space, "searcher": {"kind": "grid"}, "scheduler": {"kind": "none"}, "trials": None}
        recipe = recipe_file(driver, search=search, losses={"kl": {}, **labels}, storage=storage)
        with paused(pause):
            process = start("search", recipe.name)
            nodes.remove(lost(nodes, "models/*/checkpoints/latest.json", process))
        finish(process)
        (path,) = driver.glob("runs/found-*/search.json")
        found = json.loads(path.read_text())
        assert [trial["state"] for trial in found["trials"]] == ["finished", "finished"]
        assert [[row["epoch"] for row in trial["epochs"]] for trial in found["trials"]] == [[1, 2, 3, 4, 5]] * 2
        assert nodes[0].has("models/*/manifest.json")

        # A teacher streams from there, into a folder that the driver cannot see.
        streamed = yaml.safe_load((path.parent / "best.yaml").read_text())
        streamed |= {"name": "streamed", "baselines": []}
        streamed["signals"] |= {"mode": "streamed", "top_k": 8}
        (driver / "streamed.yaml").write_text(yaml.safe_dump(streamed))
        assert "streamed by Ray actors" in finish(start("run", "streamed.yaml"))

    monkeypatch.delenv("RAY_ADDRESS")
    alone = {**two, "output": str(tmp_path / "alone"), "engine": {**two["engine"], "workers": 1, "zero_stage": 0}}
    expected = run(recipe_from_values(alone, "here"))
    (there,) = driver.glob("runs/tiny-*")
    assert losses(driver / "runs" / student(there)["history"]) == pytest.approx(
        losses(tmp_path / "alone" / model_of(expected, "student")["history"]), abs=1e-4
    )

    best = found["trials"][found["best"]]
    again = yaml.safe_load((path.parent / "best.yaml").read_text())
    again |= {"output": str(tmp_path / "again"), "storage": None, "baselines": []}
    made = model_of(run(recipe_from_values(again, "here")), "student")
    assert made["evaluation"]["f1"] == best["metrics"]["f1"]
    assert weights(tmp_path / "again" / made["folder"]) == weights(driver / "runs" / best["seeds"][0]["folder"])
