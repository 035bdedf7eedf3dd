"""A trial in this process: figures, learning curve, early stop, and what a second asking costs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from distil.framework.errors import RecipeError
from distil.framework.recipe.load import recipe_from_values
from distil.framework.recipe.schema import Recipe
from distil.framework.run import run, run_shared
from distil.framework.search.log import SearchLog, recipe_of_trial
from distil.framework.search.recipes import trial_recipe
from distil.framework.search.trial import run_trial
from distil.framework.store import Store
from distil.framework.training.history import ReportTo
from distil.framework.training.job import TrainingJob, TrainingSummary
from distil.framework.training.loop import train_in_process
from tests.tiny import model_of, tiny_values

VALUES = {"student.lr": 0.002}


class _Stop(BaseException):
    pass


def searched(output: Path, changes: Mapping[str, Any] = {}, **search: Any) -> Recipe:
    space = {"student.lr": {"kind": "choice", "values": [0.001, 0.002]}}
    values = tiny_values(output, search={"space": space, "trials": 2, **search}, student__epochs=3, **changes)
    values["student"]["checkpoint_every"] = "epoch"
    return recipe_from_values(values, "here")


class Counted:
    """A trainer that counts."""

    def __init__(self) -> None:
        self.trained: list[TrainingJob] = []

    def __call__(self, job: TrainingJob, report: ReportTo) -> TrainingSummary:
        self.trained.append(job)
        return train_in_process(job, report)


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs in which the teacher's signals are collected."""
    output = tmp_path_factory.mktemp("runs")
    train = Counted()
    run_shared(trial_recipe(searched(output), {}, 0), train)
    assert len(train.trained) == 1
    return output


def test_a_trial_stopped_early_goes_on_and_equals_a_run(output: Path) -> None:
    recipe, train = searched(output), Counted()
    told: list[dict[str, float]] = []

    def stop(row: dict[str, float]) -> None:
        told.append(row)
        raise _Stop

    with pytest.raises(_Stop):
        run_trial(recipe, VALUES, train, stop)
    outcome = run_trial(recipe, VALUES, train, told.append, told=1)

    assert [row["epoch"] for row in told] == [1, 2]
    assert outcome["epochs"][:2] == told
    assert [row["epoch"] for row in outcome["epochs"]] == [1, 2, 3]
    assert outcome["metrics"]["f1"] == outcome["epochs"][-1]["f1"]
    assert len(train.trained) == 2  # the student alone, twice begun: no teacher, no baseline

    assert run_trial(recipe, VALUES, train, told.append) == outcome
    assert len(train.trained) == 2

    best = recipe_of_trial(recipe, {"values": VALUES})
    student = model_of(run(best, train), "student")
    assert student["reused"]
    assert student["digest"] == outcome["seeds"][0]["digest"]
    assert student["evaluation"]["f1"] == outcome["metrics"]["f1"]
    assert (output / outcome["seeds"][0]["folder"] / "model.safetensors").is_file()


def test_a_trial_may_end_by_patience_and_is_compared_after_whole_epochs(output: Path) -> None:
    held = {"source": {"kind": "synthetic", "examples": {"train": 8}, "facts": 3, "fillers": 0, "seed": 5}}
    watched = {"validation": "held", "evaluate_every": 4, "best": True, "patience": 1}
    changes = {"data__extra": {"held": held}, **{f"student__{name}": value for name, value in watched.items()}}
    told: list[dict[str, float]] = []
    outcome = run_trial(searched(output, changes), {"student.lr": 1e-12}, train_in_process, told.append)
    assert [row["epoch"] for row in told] == [row["epoch"] for row in outcome["epochs"]] == [1]
    assert outcome["metrics"]["f1"] == told[0]["f1"]  # nothing was learnt


def test_several_seeds_share_the_teacher_and_give_a_mean(output: Path) -> None:
    train, told = Counted(), list[dict[str, float]]()
    outcome = run_trial(searched(output, seeds=2), VALUES, train, told.append)
    assert [seed["seed"] for seed in outcome["seeds"]] == [3, 4]
    assert outcome["metrics"]["f1"] == pytest.approx(sum(seed["metrics"]["f1"] for seed in outcome["seeds"]) / 2)
    assert {job.seed for job in train.trained} <= {3, 4}
    assert len({row["epoch"] for row in told}) == len(told)  # only the first student is listened to


def test_a_value_that_is_refused_says_why(output: Path) -> None:
    with pytest.raises(RecipeError, match=r"student.lr = -1.0: student.lr"):
        run_trial(searched(output), {"student.lr": -1.0}, train_in_process, lambda row: None)


def test_the_log_keeps_what_has_happened(output: Path) -> None:
    recipe = searched(output)
    log = SearchLog(recipe, {})
    for value in (0.001, 0.002):
        log.add({"student.lr": 0}, {"student.lr": value})
    log.begin(0)
    assert log.epoch(0, {"epoch": 1, "f1": 10.0, "exact_match": 5.0})
    assert not log.epoch(0, {"epoch": 1, "f1": 11.0, "exact_match": 5.0})
    log.finish_trial(0, {"epochs": [], "metrics": {"f1": 20.0}, "seeds": []})
    log.begin(1)
    log.finish("failed")

    again = SearchLog(recipe, {})
    assert again.unfinished == [1]
    assert again.trials[0]["state"] == "finished"
    assert again.values["best"] == 0
    assert "lr: 0.001" in (again.folder / "best.yaml").read_text()
    assert not list(Store(output / "store").root.glob("models/*/measured"))
