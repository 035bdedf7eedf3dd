"""Stages that are made at once come out as those that are made one after the other, and nothing stays when the run ends."""

import hashlib
import json
import shutil
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from distil.framework.errors import RecipeError
from distil.framework.recipe.load import load_recipe, recipe_from_values
from distil.framework.run import run
from distil.launch.parallel import helpers
from tests.forked import Command, start
from tests.halting import go_on, halted, start_halting
from tests.tiny import ends_early, figures, tiny_recipe, tiny_values
from tests.waiting import until


def ended(process: Command, code: int) -> str:
    below: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):  # it has been quick
        below = psutil.Process(process.pid).children(recursive=True)
    said = process.stdout.read()
    assert process.wait(timeout=120) == code, said
    assert not psutil.wait_procs(below, timeout=120)[1]
    return said


def weights(output: Path) -> dict[str, str]:
    return {
        path.parts[-3]: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in output.glob("store/models/*/model/model.safetensors")
    }


def test_a_run_in_two_processes_that_was_stopped_is_one_in_one(tmp_path: Path) -> None:
    changes = ends_early(every=2)
    recipe = tiny_recipe(tmp_path, tmp_path / "two", engine__parallel=2, **changes)
    process = start_halting(r"\[", "run", recipe)
    until(lambda: halted(process))
    process.send_signal(signal.SIGTERM)
    go_on(process)
    assert "what is done is kept" in ended(process, 143)
    (path,) = (tmp_path / "two").glob("tiny-*/results.json")
    student = json.loads(path.read_text())["models"][-1]["digest"]
    shutil.rmtree(tmp_path / "two" / "store" / "models" / student, ignore_errors=True)  # the helper may have been quick
    said = ended(start("run", recipe), 0)
    two = json.loads(path.read_text())
    assert said.count("\n[") == 12

    one = run(load_recipe(recipe, [f"output={tmp_path / 'one'}", "engine.parallel=1"]))
    assert one["run"] == two["run"]
    assert figures(one) == figures(two)
    (chosen,) = {json.dumps(run["models"][-1]["training"]["selection"]) for run in (one, two)}
    assert json.loads(chosen)["ended"] == "patience"
    assert f"student: of the weights, those of step {json.loads(chosen)['kept_step']} are kept" in said
    assert weights(tmp_path / "one") == weights(tmp_path / "two")
    assert len(weights(tmp_path / "two")) == 3


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"engine__workers": 2}, r"parallel is 2 and workers 2.*set one of them to 1"),
        ({"signals__mode": "streamed"}, r"engine\.parallel is 2, and signals\.mode 'streamed'; set it to 1"),
    ],
)
def test_what_cannot_be_made_at_once_is_refused(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    with (
        pytest.raises(RecipeError, match=problem),
        helpers(recipe_from_values(tiny_values(tmp_path, engine__parallel=2, **changes), "here")),
    ):
        pass
