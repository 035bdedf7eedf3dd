"""What a machine has too few CPUs or GPUs for is told before anything is made, without Ray being begun."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from distil.framework.errors import RecipeError
from distil.framework.progress import SILENT
from distil.framework.recipe.load import recipe_from_values
from distil.framework.recipe.schema import Recipe
from distil.framework.run import context_of, prepare, run
from distil.framework.stages.graph import build_labelling
from distil.framework.training.loop import train_in_process
from distil.launch.complete import completed
from distil.launch.label import labelled
from distil.launch.room import check_room, check_room_to_label
from distil.launch.run import tracked_run
from distil.launch.streaming import streamer_for
from tests.framework.tasks.text.runs import values as text_values
from tests.tiny import tiny_values

STREAMED = {"signals__mode": "streamed", "baselines": None}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an actor's cores": (
        {**STREAMED, "teachers__teacher__actor": {"cpus": 9.0}},
        "the actor of teacher 'teacher' takes 9 CPU, but this machine has 8 CPU; lower .*, or set signals.mode to 'precomputed'",
    ),
    "an actor's GPU": (
        {**STREAMED, "teachers__teacher__actor": {"cpus": 0.0, "gpus": 1.5}},
        r"takes 1\.5 GPU, but this machine has 8 CPU",
    ),
    "all together": (
        {**STREAMED, "engine__workers": 4, "teachers__teacher__actor": {"cpus": 5.0}},
        "streaming takes 9 CPU for teachers and workers together, but this machine has 8 CPU; lower engine.workers or",
    ),
    "two splits": (
        {**STREAMED, "student__unlabelled": ["more"], "teachers__teacher__actor": {"cpus": 5.0}},
        "streaming takes 10 CPU",
    ),
    "workers": (
        {"engine__workers": 9},
        "engine.workers is 9, but this machine has 8 CPUs, one of which each worker needs; lower",
    ),
}


@pytest.fixture(autouse=True)
def _eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_OVERRIDE_RESOURCES", json.dumps({"CPU": 8, "GPU": 0}))
    monkeypatch.setattr("distil.launch.room.gpu_count", lambda: 0)


def recipe(output: Path, **changes: Any) -> Recipe:
    examples = {"train": 8, "validation": 4}
    values = tiny_values(
        output, tracking={"mlflow": False, "report": False}, data__source__examples=examples, **changes
    )
    values["data"]["splits"] |= {"more": "validation"} if "student__unlabelled" in changes else {}
    return recipe_from_values(values, "here")


def check(made: Recipe) -> None:
    check_room(*prepare(made, stream=streamer_for(made, SILENT)))


@pytest.mark.parametrize(("changes", "message"), REFUSED.values(), ids=REFUSED)
def test_what_can_never_be_had_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        check(recipe(tmp_path, **changes))


def test_what_fits_is_not(tmp_path: Path) -> None:
    check(recipe(tmp_path, **STREAMED, engine__workers=4, teachers__teacher__actor={"cpus": 4.0}))
    # Teachers are asked beforehand.
    check(recipe(tmp_path, signals__mode="precomputed", teachers__teacher__actor={"cpus": 100.0}))


def test_a_run_is_refused_before_its_first_stage(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="this machine has 8 CPU"):
        tracked_run(recipe(tmp_path, **STREAMED, teachers__teacher__actor={"cpus": 9.0}), SILENT)
    assert not list(tmp_path.rglob("manifest.json"))
    assert not any(tmp_path.rglob("results.json"))


def test_labels_are_refused_before_any_is_asked_for(tmp_path: Path) -> None:
    actor = {"cpus": 5.0}
    needs = {**STREAMED, "student__unlabelled": ["more"], "teachers__teacher__actor": actor}
    with pytest.raises(RecipeError, match="the actor of teacher 'teacher' takes 9 CPU, but this machine has 8 CPU"):
        labelled(recipe(tmp_path, **{**needs, "teachers__teacher__actor": {"cpus": 9.0}}), [], None, False, SILENT)
    with pytest.raises(RecipeError, match=r"engine\.workers is 9, but this machine has 8 CPUs"):
        labelled(recipe(tmp_path, **needs, engine__workers=9), [], None, False, SILENT)
    assert not list(tmp_path.rglob("*"))
    # One split is asked about at a time, and no student is trained beside it.
    made = recipe(tmp_path, **needs, engine__workers=8)
    context = context_of(made, train_in_process, streamer_for(made, SILENT, trains=False), SILENT)
    labelling = build_labelling(context, ["train", "more"])
    assert all(found.to_stream(context) for found in labelling.by_split.values())
    check_room_to_label(context, labelling)


def test_completions_are_refused_before_any_is_written(tmp_path: Path) -> None:
    made = recipe_from_values(text_values(tmp_path, engine__workers=9), "here")
    with pytest.raises(RecipeError, match=r"engine\.workers is 9, but this machine has 8 CPUs"):
        completed(made, "dev", None, 1, 1.0, SILENT)
    assert not list(tmp_path.rglob("manifest.json"))


def test_of_a_cluster_nothing_is_known_before_it_is_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    check(recipe(tmp_path, engine__workers=9))


def test_what_is_done_needs_nothing(tmp_path: Path) -> None:
    """As what was made on a larger machine."""
    small = {"student": None, "losses": None, "baselines": None}
    run(recipe(tmp_path, **small))
    context, graph = prepare(recipe(tmp_path, **small))
    engine = context.recipe.engine.model_copy(update={"workers": 9})
    check_room(replace(context, recipe=context.recipe.model_copy(update={"engine": engine})), graph)
