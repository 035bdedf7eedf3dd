"""docs/python.md, its example and its notebooks, run as they stand there."""

import json
import re
import runpy
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch

from distil.framework.device import cpu_threads
from tests.forked_workers import forked_workers

DOCS = Path(__file__).parents[2] / "docs"
BLOCKS = re.findall(r"```python\n(.*?)```", (DOCS / "python.md").read_text(encoding="utf-8"), flags=re.DOTALL)
EXAMPLE = DOCS / "examples" / "plain_loop.py"
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One MLflow store for all runs, as it takes seconds to create one."""
    return f"sqlite:///{tmp_path_factory.mktemp('tracking')}/mlflow.db"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    with cpu_threads(1):
        yield


def executed(blocks: list[str], place: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "document"}
    for number, block in enumerate(blocks):
        exec(compile(block, f"{place}, block {number}", "exec"), names)
    return names


def test_the_document_is_a_program() -> None:
    names = executed(BLOCKS, "python.md")
    assert names["run"].results["state"] == "finished"
    assert names["student"].metrics["accuracy"] > 50


def test_the_plain_loop_comes_to_the_weights_of_the_run(tmp_path: Path) -> None:
    assert len(EXAMPLE.read_text(encoding="utf-8").splitlines()) <= 150
    loop = runpy.run_path(str(EXAMPLE))
    assert loop["main"](tmp_path)
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run_and_hold_no_outputs(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code, before = [cell for cell in cells if cell["cell_type"] == "code"], set(threading.enumerate())
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    with forked_workers() if path.stem == "search" else nullcontext():
        executed(["".join(cell["source"]) for cell in code], path.name)
    assert len(set(threading.enumerate()) - before) < 50


def test_there_are_three_notebooks() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["ensemble", "own_data", "search"]
