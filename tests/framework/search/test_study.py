"""Choosing trials: legal values, the same ones after a restart, the best and the front."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distil.framework.metrics import Metric
from distil.framework.search.section import Search
from distil.framework.search.study import Goal, Study, study_of

SPACE = {
    "student.lr": {"kind": "log_uniform", "low": 1e-4, "high": 1e-2},
    "student.weight_decay": {"kind": "uniform", "low": 0.0, "high": 0.1},
    "student.epochs": {"kind": "int_uniform", "low": 2, "high": 6, "step": 2},
    "ensemble": {"kind": "choice", "values": [{"rule": "mean"}, {"rule": "weighted", "weights": "f1"}]},
}
COUNTED = {name: SPACE[name] for name in ("student.epochs", "ensemble")}
RANDOM, TPE, GRID = {"kind": "random"}, {"kind": "tpe", "startup": 3}, {"kind": "grid"}


def search(searcher: dict[str, Any], **changes: Any) -> Search:
    trials = {} if searcher is GRID else {"trials": 12}
    space = COUNTED if searcher is GRID else SPACE
    return Search.model_validate({"space": space, "searcher": searcher, **trials, **changes})


def goal(settings: Search, higher_is_better: bool = True) -> Goal:
    return Goal(Metric("f1", "F1", higher_is_better=higher_is_better), settings.latency)


def ended(number: int, asked: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    """A trial whose figures depend on its values, every third pruned, every fifth failed."""
    parameters, values = asked
    f1 = 50 + 10 * values["student.epochs"] / 6 - 1000 * values.get("student.lr", 0)
    state = "pruned" if number % 3 == 1 else "failed" if number % 5 == 4 else "finished"
    metrics = {"f1": f1, "latency_median_ms": float(values["student.epochs"])}
    epochs = [{"epoch": 1, "f1": f1 / 2}]
    return {
        "number": number,
        "state": state,
        "parameters": parameters,
        "values": values,
        "epochs": epochs,
        "metrics": metrics if state == "finished" else None,
    }


def all_trials(settings: Search, stops: tuple[int, ...] = ()) -> list[dict[str, Any]]:
    """All trials, one after the other; at each of `stops` the search is started anew."""
    study, trials = Study(settings, goal(settings)), list[dict[str, Any]]()
    for number in range(study.size or 0):
        if number in stops:
            study = study_of(settings, goal(settings), trials)
        trials.append(ended(number, study.ask(number)))
        study.tell(trials[-1])
    return trials


@pytest.mark.parametrize("latency", [False, True])
@pytest.mark.parametrize("searcher", [RANDOM, TPE, GRID], ids=lambda searcher: searcher["kind"])
def test_values_are_legal_and_a_restart_changes_none(searcher: dict[str, Any], latency: bool) -> None:
    settings = search(searcher, latency=latency)
    trials = all_trials(settings)
    assert all_trials(settings, stops=(1, 5)) == trials
    for trial in trials:
        values = trial["values"]
        assert values["student.epochs"] in (2, 4, 6)
        assert values["ensemble"] in SPACE["ensemble"]["values"]  # type: ignore[operator]
        assert 1e-4 <= values.get("student.lr", 1e-3) <= 1e-2
        assert 0 <= values.get("student.weight_decay", 0) <= 0.1


def test_a_trial_under_way_is_asked_for_again_with_its_own_values() -> None:
    settings = search(TPE)
    study = Study(settings, goal(settings))
    trials = [ended(0, study.ask(0)), {**ended(1, study.ask(1)), "state": "stopped"}]
    study.tell(trials[0])
    again = study_of(settings, goal(settings), trials)
    again.tell({**trials[1], "state": "finished", "metrics": {"f1": 1.0}})
    assert [trial.number for trial in again.optuna.trials] == [0, 1]
    assert again.optuna.trials[1].params == trials[1]["parameters"]


def test_a_grid_tries_every_combination_once() -> None:
    trials = all_trials(search(GRID))
    assert [trial["parameters"] for trial in trials] == [
        {"student.epochs": epochs, "ensemble": number} for epochs in (2, 4, 6) for number in (0, 1)
    ]


def test_seeds_draw_otherwise() -> None:
    drawn = [all_trials(search({"kind": "random", "seed": seed})) for seed in (0, 1)]
    assert [trial["values"] for trial in drawn[0]] != [trial["values"] for trial in drawn[1]]


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5)), min_size=1, max_size=8), st.booleans())
def test_no_trial_of_the_front_is_beaten_and_every_other_is(figures: list[tuple[int, int]], higher: bool) -> None:
    trials = [
        {"number": n, "state": "finished", "metrics": {"f1": float(f1), "latency_median_ms": float(ms)}}
        for n, (f1, ms) in enumerate(figures)
    ]
    wanted = goal(search(RANDOM, latency=True), higher)
    front = wanted.front(trials)

    def beats(one: tuple[int, int], other: tuple[int, int]) -> bool:
        better = one[0] >= other[0] if higher else one[0] <= other[0]
        return one != other and better and one[1] <= other[1]

    for number, own in enumerate(figures):
        assert (number in front) == (not any(beats(other, own) for other in figures))
    best = wanted.best(trials)
    assert best in front
    assert figures[best][0] == (max if higher else min)(f1 for f1, _ in figures)


def test_without_a_finished_trial_there_is_no_best() -> None:
    trials = [{"number": 0, "state": "pruned", "metrics": None}]
    wanted = goal(search(RANDOM, latency=True))
    assert wanted.best(trials) is None
    assert wanted.front(trials) == []


def test_optuna_looks_for_small_values_where_these_are_better() -> None:
    from optuna.study import StudyDirection

    settings = search({"kind": "tpe", "startup": 2}, latency=True)
    study = Study(settings, goal(settings, higher_is_better=False))
    assert study.optuna.directions == [StudyDirection.MINIMIZE, StudyDirection.MINIMIZE]
    assert goal(settings, higher_is_better=False).mode == "min"
    assert Study(settings, goal(settings)).optuna.directions[0] == StudyDirection.MAXIMIZE
