"""A real run killed in every stage ends with the same figures, to the last bit, as one that was left alone."""

import hashlib
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from distil.framework.store import Store
from tests.forked import start
from tests.halting import end, go_on, halted, start_halting
from tests.tiny import figures, tiny_recipe
from tests.waiting import until

HELD = {"kind": "synthetic", "examples": {"train": 12}, "facts": 3, "fillers": 0, "seed": 5}
WATCHED: dict[str, Any] = {  # what is decided on the way is decided again
    "data__extra": {"held": {"source": HELD}},
    **{f"{place}__validation": "held" for place in ("student", "teachers__teacher__fine_tune")},
    **{f"{place}__best": True for place in ("student", "teachers__teacher__fine_tune")},
}


def finish(recipe: Path) -> tuple[dict[str, Any], str]:
    process = start("run", recipe)
    output = process.stdout.read()
    assert process.wait(timeout=120) == 0, output
    (results,) = recipe.parent.glob("runs/*/results.json")
    return json.loads(results.read_text()), output


def kill_during(recipe: Path, stage: str, ready: Any, how: signal.Signals) -> int:
    """Start the run and kill it once the stage has begun and `ready` says so, before it begins the next one."""
    process = start_halting(r"\[\d+/\d+\](?!.*done already)", "run", recipe)
    for line in process.stdout:
        if line.startswith("[") and "done already" not in line:
            go_on(process)
            if line.rstrip().endswith(stage):
                break
    else:
        raise AssertionError(f"the run ended without beginning '{stage}'")
    until(lambda: ready() or halted(process))
    end(process, how)
    return process.wait(timeout=120)


def weights(recipe: Path) -> dict[str, str]:
    """Digest of every weights file and signal shard in the store."""
    store = recipe.parent / "runs" / "store"
    files = [*store.glob("*/*/model/model.safetensors"), *store.glob("*/*/shard-*.arrow")]
    return {str(path.relative_to(store)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def history(recipe: Path) -> dict[str, list[Any]]:
    """Every training's rows, without clock times and speeds."""
    rows: dict[str, list[Any]] = {}
    for path in (recipe.parent / "runs" / "store").glob("models/*/history.jsonl"):
        for line in path.read_text().splitlines():
            row = json.loads(line)
            metrics = {key: value for key, value in row["metrics"].items() if not key.endswith("per_second")}
            rows.setdefault(path.parent.name, []).append((row["step"], row["kind"], metrics))
    return rows


def often_kept(folder: Path) -> Path:
    """A recipe whose trainings keep a checkpoint every other step, and the best weights."""
    often = {"teachers__teacher__fine_tune__checkpoint_every": 2, "student__checkpoint_every": 2}
    return tiny_recipe(folder, folder / "runs", **often, **WATCHED)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A run that nobody disturbs: its recipe and its results."""
    recipe = often_kept(tmp_path_factory.mktemp("whole"))
    return recipe, finish(recipe)[0]


@pytest.mark.timeout(900)
def test_a_run_killed_in_every_stage_equals_one_left_alone(whole: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    undisturbed, expected = whole
    broken = often_kept(tmp_path / "broken")
    store = Store(tmp_path / "broken" / "runs" / "store")

    def checkpointed() -> bool:
        return any(store.root.glob("models/*/checkpoints/latest.json"))

    def any_shard() -> bool:
        return any(store.root.glob("signals/*/shard-*.arrow"))

    stages = [
        ("tokenizer of 600", lambda: True, signal.SIGKILL),
        ("train teacher", checkpointed, signal.SIGKILL),
        ("evaluate teacher", lambda: True, signal.SIGKILL),
        ("collect signals of teacher on 'train'", any_shard, signal.SIGKILL),
        ("train student_no_distillation", checkpointed, signal.SIGINT),
        ("train student", checkpointed, signal.SIGKILL),
    ]
    for stage, ready, how in stages:
        code = kill_during(broken, stage, ready, how)
        assert code == (-signal.SIGKILL if how == signal.SIGKILL else 130), stage

    found, output = finish(broken)
    assert output.count("done already") >= 7
    assert figures(found) == figures(expected)
    assert weights(broken) == weights(undisturbed)
    assert history(broken) == history(undisturbed)


def test_a_finished_run_repeats_nothing(whole: tuple[Path, dict[str, Any]]) -> None:
    recipe, first = whole
    before = weights(recipe)
    second, output = finish(recipe)
    assert output.count("done already") == 12
    assert figures(second) == figures(first)
    assert weights(recipe) == before
    assert second == first
