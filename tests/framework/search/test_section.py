"""The search section: what is refused before anything starts, and in which words."""

from pathlib import Path
from typing import Any

import pytest

from distil.framework.errors import RecipeError
from distil.framework.recipe.load import recipe_from_values
from distil.framework.recipe.schema import Recipe
from distil.framework.search.recipes import check_models_of_trials, trial_recipe, varied
from tests.tiny import several_values, tiny_values

LR = {"student.lr": {"kind": "log_uniform", "low": 1e-4, "high": 1e-2}}


def recipe(space: dict[str, Any] | None = None, several: bool = False, **settings: Any) -> Recipe:
    changes = {f"search__{name}": value for name, value in {"trials": 4, "space": space or LR, **settings}.items()}
    make = several_values if several else tiny_values
    recipe_changes = {
        name.removeprefix("search__recipe__"): changes.pop(name) for name in list(changes) if "recipe__" in name
    }
    return recipe_from_values(make(Path("runs"), **changes, **recipe_changes), "here")


def choice(*values: Any) -> dict[str, Any]:
    return {"kind": "choice", "values": list(values)}


def test_values_reach_their_places() -> None:
    space = {
        **LR,
        "student.epochs": {"kind": "int_uniform", "low": 1, "high": 5, "step": 2},
        "losses.kl.temperature": {"kind": "uniform", "low": 1.0, "high": 8.0},
        "engine.precision": choice("fp32", "bf16"),
        "ensemble": choice({"rule": "mean"}, {"rule": "weighted", "weights": {"a": 1, "b": 2, "c": 3}}),
    }
    found = recipe(space, several=True)
    values = {
        "student.lr": 2e-3,
        "student.epochs": 3,
        "losses.kl.temperature": 3.5,
        "engine.precision": "bf16",
        "ensemble": {"rule": "weighted", "weights": {"a": 1, "b": 2, "c": 3}},
    }
    one = varied(found, values)
    assert one.search is None
    assert one.student is not None
    assert (one.student.lr, one.student.epochs) == (2e-3, 3)
    assert one.losses["kl"].temperature == 3.5
    assert one.engine.precision == "bf16"
    assert one.ensemble is not None
    assert one.ensemble.rule == "weighted"


def test_a_trials_seeds_follow_the_students_and_teachers_keep_theirs() -> None:
    found = recipe(seeds=3)
    trials = [trial_recipe(found, {}, place) for place in range(3)]
    assert [trial.student.seed for trial in trials if trial.student is not None] == [None, 4, 5]
    assert {trial.seed for trial in trials} == {3}
    assert all(trial.evaluation.during_training and not trial.baselines for trial in trials)


def test_a_search_has_a_folder_of_its_own_whatever_its_budget() -> None:
    assert recipe(trials=4).run_folder == recipe(trials=9, minutes=2.5, concurrent=1).run_folder
    assert recipe().run_folder != recipe({"student.lr": choice(1e-3, 2e-3)}).run_folder
    without = recipe_from_values(tiny_values(Path("runs")), "here")
    assert recipe().run_folder != without.run_folder


@pytest.mark.parametrize(
    ("space", "words"),
    [
        (
            {"student.lrr": choice(1e-3, 1e-2)},
            "student.lrr = 0.001: student.lrr: unknown key 'lrr'; did you mean 'lr'?",
        ),
        (
            {"student.lr": {"kind": "uniform", "low": 0.0, "high": 1.0}},
            "student.lr = 0.0: student.lr: input should be greater",
        ),
        ({"student.epochs": {"kind": "uniform", "low": 1.0, "high": 2.0}}, "student.epochs = 1.0: .*integer"),
        ({"student.epochs": {"kind": "int_uniform", "low": 0, "high": 4}}, "student.epochs = 0: "),
        ({"losses.kl.temperature": choice(2.0, 0.001)}, "losses.kl.temperature = 0.001: "),
        ({"engine.precision": choice("fp32", "fp64")}, "engine.precision = 'fp64': "),
        ({"losses": choice({"hard_label": {}}, {"kl": {}})}, r"losses = {'hard_label': {}}: .*no loss compares"),
        ({"student.lr.x": choice(1, 2)}, "student.lr is 0.001, not a section"),
        ({"student.split": choice("train", "tran")}, "student.split = 'tran': .*no split"),
        ({"output": choice("a", "b")}, "output cannot be varied"),
        ({"storage": choice("file:///a", "file:///b")}, "storage cannot be varied: all trials share one store"),
        ({"signals.mode": choice("auto", "streamed")}, "signals.mode cannot be varied: a search collects signals once"),
        ({"evaluation.split": choice("train", "dev")}, "evaluation.split cannot be varied"),
        ({"engine": choice({"workers": 1}, {"workers": 2})}, "engine cannot be varied"),
        ({"student": choice({}, {"lr": 1}), **LR}, "'student.lr' lies inside 'student'"),
        ({"student.lr": choice(1e-3)}, "expected 2 or more"),
        ({"student.lr": choice(1e-3, 1e-3)}, "names 0.001 twice"),
        ({"student.lr": {"kind": "normal"}}, "unknown kind 'normal'"),
        ({"student.lr": {"kind": "uniform", "low": 2.0, "high": 1.0}}, "expected low < high"),
        ({"student.epochs": {"kind": "int_uniform", "low": 1, "high": 4, "step": 2}}, "no number of steps of 2"),
        ({"student..lr": choice(1e-3, 1e-2)}, "is no place"),
    ],
)
def test_spaces_that_cannot_be_are_refused(space: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        recipe(space)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"trials": None}, "needs an end"),
        ({"searcher": {"kind": "grid"}}, "drop `trials`"),
        ({"searcher": {"kind": "grid"}, "trials": None}, "student.lr: a grid needs values that can be counted"),
        ({"scheduler": {"kind": "asha", "grace": 2}}, "no trial lasts longer than 2 epoch"),
        ({"latency": True, "recipe__evaluation__latency_questions": 0}, "none is measured"),
        ({"recipe__signals__mode": "streamed"}, "drop 'streamed'"),
        ({"recipe__student": None, "recipe__losses": None, "recipe__baselines": None}, "there is none"),
        ({"space": {"student.seed": choice(1, 2)}, "seeds": 2}, "draws the student's seed"),
        ({"resources": {"gpus": 0.5}, "recipe__engine__workers": 2}, "only trials of one worker can share"),
    ],
)
def test_settings_that_would_be_ignored_or_cannot_work_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        recipe(**settings)


def test_models_that_cannot_be_built_are_refused_before_anything_runs() -> None:
    found = recipe({"student.model.config.n_heads": choice(2, 3)})
    with pytest.raises(RecipeError, match=r"student.model.config.n_heads = 3: "):
        check_models_of_trials(found)
    check_models_of_trials(recipe({"student.model.config.n_heads": choice(2, 4)}))


def test_a_longer_training_among_the_trials_makes_room_for_a_scheduler() -> None:
    space = {"student.epochs": {"kind": "int_uniform", "low": 2, "high": 8}}
    assert recipe(space, scheduler={"kind": "asha", "grace": 4}).search is not None


def test_the_metric_is_one_of_the_tasks_and_its_primary_one_by_default() -> None:
    assert recipe().search.metric == recipe(metric="f1").search.metric == "f1"  # type: ignore[union-attr]
    assert recipe().digest == recipe(metric="f1").digest
    assert recipe(metric="exact_match").search.metric == "exact_match"  # type: ignore[union-attr]
    with pytest.raises(RecipeError, match=r"search.metric: .*no metric 'exact_mach'; did you mean 'exact_match'"):
        recipe(metric="exact_mach")
    own = recipe(recipe__task={"kind": "tests.other_metrics:Estimate"})
    assert own.search.metric == "error"  # type: ignore[union-attr]
    with pytest.raises(RecipeError, match="legal here: hits, error"):
        recipe(recipe__task={"kind": "tests.other_metrics:Estimate"}, metric="f1")
