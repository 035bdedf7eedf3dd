"""Starting `distil search` and watching it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.processes import left_by
from tests.tiny import tiny_values

DISTIL = [sys.executable, "-m", "distil.launch.cli"]
SPACE = {
    "student.lr": {"kind": "log_uniform", "low": 1e-4, "high": 1e-2},
    "losses": {"kind": "choice", "values": [{"kl": {}}, {"kl": {}, "hard_label": {}}]},
}
SEARCH = {
    "space": SPACE,
    "searcher": {"kind": "tpe", "startup": 2},
    "scheduler": {"kind": "asha"},
    "trials": 4,
    "concurrent": 1,
}


def first_epoch(trial: str) -> str:
    """How the table's line begins that tells of a trial's first epoch."""
    return rf" +{trial} +running +1/"


def recipe_file(folder: Path, name: str = "found", **changes: Any) -> Path:
    """A small recipe with a search."""
    folder.mkdir(parents=True, exist_ok=True)
    common = {"search": SEARCH, "student__epochs": 5, "student__checkpoint_every": "epoch"}
    values = tiny_values(folder / "runs", name=name, **{**common, **changes})
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    return path


def start(*arguments: str | Path) -> "subprocess.Popen[str]":
    """Start a command of distil."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [*DISTIL, *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, start_new_session=True
    )


def finish(process: "subprocess.Popen[str]", code: int = 0) -> str:
    """Wait for its end, and for that of all its processes; returns the rest of what it prints."""
    assert process.stdout is not None
    output = process.stdout.read()
    assert process.wait(timeout=120) == code, output
    assert left_by(process) == []
    return output


def wait_for(process: "subprocess.Popen[str]", trial: int, epoch: str) -> None:
    """Read until the table says that a trial has come to an epoch."""
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if line.split()[:3] == [str(trial), "running", epoch]:
            return
    raise AssertionError("".join(seen))


def search_of(recipe: Path) -> tuple[Path, dict[str, Any]]:
    """The folder of a recipe's search, and its search.json."""
    (path,) = recipe.parent.glob("runs/found-*/search.json")
    return path.parent, json.loads(path.read_text())
