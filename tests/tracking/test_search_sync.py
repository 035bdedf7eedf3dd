"""A search in MLflow: parent, trials, pruned ones, the best and its student, pictures."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from distil.framework.data.load import load_data
from distil.framework.files import read_json, write_json
from distil.framework.recipe.load import recipe_from_values
from distil.framework.recipe.schema import Recipe
from distil.framework.recipe.sections import Tracking
from distil.framework.run import run
from distil.framework.search.log import SearchLog
from distil.framework.search.recipes import trial_recipe
from distil.framework.search.study import Study, goal_of
from distil.framework.search.trial import run_trial
from distil.framework.training.loop import train_in_process
from distil.tracking.client import destination_of, open_client
from distil.tracking.mlflow_sync import sync
from distil.tracking.shown import shown_in
from tests.tiny import tiny_values

SPACE = {
    "student.lr": {"kind": "choice", "values": [0.0005, 0.002]},
    "losses": {"kind": "choice", "values": [{"hard_label": {}}, {"hard_label": {"weight": 0.5}}]},
}


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """A search whose time was over after a real trial and during the last of three invented ones."""
    values = tiny_values(
        tmp_path_factory.mktemp("searched"),
        teachers=None,
        baselines=None,
        losses={"hard_label": {}},
        search={"space": SPACE, "searcher": {"kind": "grid"}, "scheduler": {"kind": "asha"}},
    )
    recipe = recipe_from_values(values, "here")
    assert recipe.search is not None
    log, study = SearchLog(recipe, {"git_commit": "c0ffee"}), Study(recipe.search, goal_of(recipe))
    log.note_data(load_data(recipe.data, recipe.task))
    for number in range(4):
        log.add(*study.ask(number))
        log.begin(number)
    log.finish_trial(0, run_trial(recipe, log.trials[0]["values"], train_in_process, lambda row: None))
    worse = {**log.trials[0], "metrics": {**log.trials[0]["metrics"], "f1": -1.0}}
    del worse["metrics"]["exact_match"]  # as metrics may be missing that are optional
    log.finish_trial(1, {name: worse[name] for name in ("epochs", "metrics", "seeds")})
    log.epoch(2, {"epoch": 1, "exact_match": 1.0, "f1": 2.0})
    log.prune(2)
    log.finish("finished")
    return recipe


def children(client: Any, experiment: str, parent: str) -> dict[str, Any]:
    runs = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{parent}'")
    return {found.info.run_name: found for found in runs}


@pytest.fixture
def folder(searched: Recipe) -> Iterator[Path]:
    yield searched.run_folder
    (searched.run_folder / "tracked.json").unlink(missing_ok=True)


def test_other_trackers_are_shown_trials_and_their_curves(folder: Path) -> None:
    shown = shown_in(folder)
    assert shown.columns[:2] == ("trial", "state")
    found = {row[0]: dict(zip(shown.columns, row, strict=True)) for row in shown.rows}
    assert [row["state"] for row in found.values()] == ["finished", "finished", "pruned", "stopped"]
    assert [row["f1"] for row in found.values()][1:] == ["-1", "–", "–"]
    assert [row["exact_match"] for row in found.values()][1:] == ["–", "–", "–"]
    pruned = shown.parts[2]
    assert [(line.step, line.metrics) for line in pruned.curve({})] == [
        (1, {"epoch/exact_match": 1.0, "epoch/f1": 2.0})
    ]
    assert (list(pruned.curve({"epoch": 1})), pruned.figures) == ([], {})


def test_a_search_is_a_run_with_a_run_a_trial(
    searched: Recipe, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracking = Tracking(uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
    report = sync(folder, tracking, final=True)
    assert report.run_id is not None
    client = open_client(destination_of(tracking, folder.parent))
    parent = client.get_run(report.run_id)
    runs = children(client, parent.info.experiment_id, report.run_id)
    assert set(runs) == {"trial-0", "trial-1", "trial-2", "trial-3"}
    assert {name: found.info.status for name, found in runs.items()} == {
        "trial-0": "FINISHED",
        "trial-1": "FINISHED",
        "trial-2": "FINISHED",
        "trial-3": "KILLED",
    }
    assert {name: found.data.tags.get("pruned") for name, found in runs.items()} == {
        "trial-0": "false",
        "trial-1": "false",
        "trial-2": "true",
        "trial-3": None,
    }
    assert runs["trial-2"].data.metrics["epoch/f1"] == 2.0
    assert runs["trial-3"].data.params == {"student.lr": "0.002", "losses": '{"hard_label": {"weight": 0.5}}'}
    curve = client.get_metric_history(runs["trial-0"].info.run_id, "epoch/f1")
    assert [point.step for point in curve] == [1, 2]
    assert curve[-1].value == runs["trial-0"].data.metrics["f1"]

    tags = parent.data.tags
    assert tags["distil.best_trial"] == "0"
    assert tags["distil.best_run"] == runs["trial-0"].info.run_id
    assert (folder.parent / tags["distil.best_folder"] / "model.safetensors").is_file()
    assert parent.data.metrics["best/f1"] == runs["trial-0"].data.metrics["f1"]
    assert parent.data.tags["mlflow.note.content"].startswith("The best of 4 trials is trial-0: F1 ")
    (model,) = client.search_logged_models([parent.info.experiment_id])
    assert [one.model_id for one in parent.outputs.model_outputs] == [model.model_id]
    split = searched.evaluation.split
    data = {one.dataset.name: one.dataset.digest for one in parent.inputs.dataset_inputs}
    measured = {(one.key, one.dataset_name, one.dataset_digest) for one in model.metrics}
    assert ("f1", split, data[split]) in measured
    assert parent.info.status == "FINISHED"
    files = {file.path for file in client.list_artifacts(report.run_id)}
    assert {"search.json", "recipe.yaml", "best.yaml", "plots"} <= files
    plots = {file.path for file in client.list_artifacts(report.run_id, "plots")}
    assert plots == {"plots/parallel_coordinates.png", "plots/importance.png"}

    import mlflow

    monkeypatch.setenv("MLFLOW_TRACKING_URI", str(tracking.uri))
    student = mlflow.pyfunc.load_model(tags["distil.best_model"])
    answer = student.predict([{"question": "Где родилась Анна?", "context": "Анна родилась в Туле."}])
    assert list(answer.columns) == ["answer", "score", "start", "end"]


def test_sending_again_sends_nothing_and_what_goes_on_is_sent(searched: Recipe, folder: Path, tmp_path: Path) -> None:
    tracking = Tracking(uri=f"sqlite:///{tmp_path / 'mlflow.db'}", log_models=False)
    first = sync(folder, tracking, final=False)
    again = sync(folder, tracking, final=False)
    assert (again.params, again.metrics, again.artifacts) == (0, 0, 0)

    log = SearchLog(searched, {})
    log.begin(3)
    log.finish("failed")
    stopped = sync(folder, tracking.model_copy(update={"log_models": True}), final=True)
    assert (stopped.models, stopped.artifacts) == (0, 1)  # no pictures and no model before it is finished
    log.begin(3)
    log.fail(3, "the loss is nan")
    log.finish("finished")
    assert sync(folder, tracking, final=False).run_id == first.run_id
    client = open_client(destination_of(tracking, folder.parent))
    parent = client.get_run(first.run_id)
    trial = children(client, parent.info.experiment_id, str(first.run_id))["trial-3"]
    assert parent.info.status == "FINISHED"
    assert (trial.info.status, trial.data.tags["distil.reason"]) == ("FAILED", "the loss is nan")


def test_trials_begin_when_they_do_and_are_counted_as_they_are(searched: Recipe, folder: Path, tmp_path: Path) -> None:
    file = folder / "search.json"
    whole = file.read_bytes()
    tracking = Tracking(uri=f"sqlite:///{tmp_path / 'mlflow.db'}", log_models=False)
    values = read_json(file)
    del values["crc32"]
    try:
        values["trials"][3] |= {"state": "waiting", "started": None}
        write_json(file, values)
        report = sync(folder, tracking, final=False)
        client = open_client(destination_of(tracking, folder.parent))
        parent = client.get_run(str(report.run_id))
        assert parent.data.metrics["trials/waiting"] == 1
        assert "trial-3" not in children(client, parent.info.experiment_id, str(report.run_id))
        values["trials"][3] |= {"state": "stopped", "started": "2033-05-18T03:33:20+00:00"}
        write_json(file, values)
        sync(folder, tracking, final=False)
    finally:
        file.write_bytes(whole)
    metrics = client.get_run(str(report.run_id)).data.metrics
    assert (metrics["trials/waiting"], metrics["trials/stopped"]) == (0, 1)
    late = children(client, parent.info.experiment_id, str(report.run_id))["trial-3"]
    assert late.info.start_time == 2_000_000_000_000


def test_the_best_student_is_that_of_a_run_of_its_recipe(searched: Recipe) -> None:
    log = SearchLog(searched, {})
    results = run(trial_recipe(searched, log.trials[0]["values"], 0))
    assert results["models"][0]["digest"] == log.trials[0]["seeds"][0]["digest"]
