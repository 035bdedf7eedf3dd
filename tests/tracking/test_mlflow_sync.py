import json
import os
import shutil
import sqlite3

import pytest

from distil.framework.errors import OutputError, StoreError, TrackingError
from distil.framework.recipe.sections import Tracking
from distil.tracking import client, sender
from distil.tracking.content import milliseconds
from distil.tracking.ledger import Ledger
from distil.tracking.mlflow_sync import sync
from distil.tracking.sent import is_sent
from tests.databases import create_tables
from tests.forked import SERVER
from tests.tracking.conftest import RunOnDisk, Seen

TRACKING = Tracking(log_models=False)


def _whole(run):
    run.add_model("teacher", "teacher", steps=10)
    run.evaluate("teacher")
    run.add_model("student", "student", steps=500)
    run.evaluate("student")
    (run.folder / "report.html").write_text("<p>a page</p>")
    (run.folder / "cards").mkdir()
    (run.folder / "cards" / "student.md").write_text("# student")
    run.results["models"][-1]["card"] = "cards/student.md"
    run.finish()


def test_an_output_folder_may_be_called_anything(tmp_path):
    run = RunOnDisk(tmp_path / "a?b 50%41#c")
    _whole(run)
    report = sync(run.folder, TRACKING, final=True)
    store = Seen(report.uri)
    (parent,) = store.parents()
    assert set(store.children(parent)) == {"teacher", "student"}
    assert json.loads(store.text(parent, "results.json")) == run.results
    assert {path.name for path in tmp_path.iterdir()} == {run.output.name}
    assert {path.name for path in run.output.iterdir()} >= {"mlflow.db", "mlartifacts"}


def test_a_run_arrives_whole(run, seen, tmp_path):
    _whole(run)
    report = sync(run.folder, TRACKING, final=True)
    store = seen()
    (parent,) = store.parents()
    assert parent.info.run_id == report.run_id
    assert (parent.info.run_name, parent.info.status) == ("мини run-1a2b3c4d", "FINISHED")
    assert parent.info.end_time - parent.info.start_time == 300_000
    assert parent.data.params["student.lr"] == "3e-05"
    assert parent.data.params["student.layers"] == "[0, 2]"
    assert len(parent.data.params["note"]) == 6000
    assert parent.data.tags["mlflow.source.git.commit"] == "c0ffee"
    assert parent.data.tags["distil.version.torch"] == "2.13.0"
    assert parent.data.tags["distil.recipe_digest"] == "1a2b3c4d"
    assert parent.data.tags["distil.state"] == "finished"
    assert not [name for name in parent.data.metrics if name.startswith("data/")]
    profiles = {one.dataset.name: json.loads(one.dataset.profile) for one in parent.inputs.dataset_inputs}
    assert profiles["train"].items() >= {"examples": 1200, "repaired": 7, "dropped": 2}.items()
    said = parent.data.tags["mlflow.note.content"]
    assert said.startswith("| model | role |")
    assert "| teacher | teacher |" in said
    assert "| student | student |" in said
    figures = {"examples": 1200, "bytes_per_example": 131.5, "null_mass": 0.125, "moved_mass": 0.01}
    expected = {f"signals/teacher/train/{name}": value for name, value in figures.items()}
    expected |= {f"signals/teacher/dev/{name}": value for name, value in figures.items() if name != "moved_mass"}
    expected["signals/teacher/dev/examples"] = 300
    found = {name: value for name, value in parent.data.metrics.items() if name.startswith("signals/")}
    assert found == expected
    inputs = {(one.dataset.name, one.dataset.digest) for one in parent.inputs.dataset_inputs}
    assert inputs == {("train", "a" * 16), ("dev", "b" * 16)}
    predictions = {"predictions/teacher.json", "predictions/student.json"}
    assert store.files(parent) == {
        "recipe.yaml",
        "results.json",
        "results.md",
        "report.html",
        "cards/student.md",
        *predictions,
    }
    assert json.loads(store.text(parent, "results.json")) == run.results

    headline = {
        f"{model}/{name}": value
        for model in ("teacher", "student")
        for name, value in [("exact_match", 61.25), ("f1", 70.5)]
    }
    assert headline.items() <= parent.data.metrics.items()
    assert (
        store.client.get_experiment(parent.info.experiment_id).tags["mlflow.experimentKind"]
        == "custom_model_development"
    )

    children = store.children(parent)
    assert set(children) == {"teacher", "student"}
    student = children["student"]
    assert student.info.start_time == 1_700_000_000_250, (
        "that of the history's first row, from before training was taken up"
    )
    assert student.info.end_time == milliseconds("2026-11-23T10:02:30.500+00:00")
    assert [(one.dataset.name, one.dataset.digest) for one in student.inputs.dataset_inputs] == [("dev", "b" * 16)]
    assert student.info.status == "FINISHED"
    assert student.data.params == {"lr": "3e-05", "epochs": "2", "losses.kl.weight": "0.5"}
    assert student.data.tags["distil.role"] == "student"
    assert student.data.tags["mlflow.source.name"] == "distil"
    assert student.data.tags["mlflow.user"] == parent.data.tags["mlflow.user"]
    said = student.data.tags["mlflow.note.content"]
    assert "| student | student |" in said
    assert "| teacher |" not in said
    figures = {"exact_match": 61.25, "exact_match_low": 58.0, "exact_match_high": 64.5, "f1": 70.5}
    figures |= {"russian/f1": 71.0, "parameters": 412_000, "latency_median_ms": 4.2, "training/steps": 10}
    assert figures.items() <= student.data.metrics.items()
    assert store.rows(student, "loss") == [(step, 3 / step) for step in range(1, 501)]
    assert store.rows(student, "loss/kl") == [(step, 1 / step) for step in range(1, 501)]
    assert store.rows(student, "epoch/loss") == [(step, 4 / step) for step in range(5, 501, 5)]
    assert store.client.get_metric_history(student.info.run_id, "loss")[3].timestamp == 1_700_000_001_000
    assert not any(tmp_path.glob("ml*")), "nothing in the current directory"


def test_an_ensemble_is_a_child_without_a_training_and_a_model(run, seen):
    run.add_ensemble()
    for name in ("one", "the other", "student"):
        folder = run.output / "store" / "models" / name / "model"
        folder.mkdir()
        (folder / "config.json").write_text("{}")
    run.finish()
    report = sync(run.folder, Tracking(), final=True)
    assert (report.models, report.notes) == (1, [])
    store = seen()
    (parent,) = store.parents()
    children = store.children(parent)
    assert set(children) == {"one", "the other", "ensemble", "student"}
    ensemble, student = children["ensemble"], children["student"]
    assert ensemble.info.start_time == milliseconds("2026-11-23T10:01:00.250+00:00")
    assert ensemble.info.status == "FINISHED"
    assert ensemble.data.params == {"rule": "confidence"}
    weights = {"weights/one/mean": 0.75, "weights/one/std": 0.125, "weights/the other/mean": 0.25}
    assert (weights | {"f1": 70.5, "exact_match_low": 58.0}).items() <= ensemble.data.metrics.items()
    assert not {"loss", "parameters", "training/steps", "latency_median_ms"} & set(ensemble.data.metrics)
    assert not {"distil.folder", "distil.transductive"} & set(ensemble.data.tags)
    assert not ensemble.outputs.model_outputs
    taught = {"training/weights/the other/mean": 0.5, "training/weights/one/std": 0.0}
    taught |= {"training/moved_mass/the other": 0.02, "training/teacher_temperature/one": 1.5}
    assert taught.items() <= student.data.metrics.items()
    assert student.data.tags["distil.transductive"] == "true"
    assert len(student.outputs.model_outputs) == 1
    assert "predictions/ensemble.json" in store.files(parent)
    assert sync(run.folder, Tracking(), final=True).metrics == 0


def test_sending_again_sends_nothing(run, seen):
    _whole(run)
    first = sync(run.folder, TRACKING, final=True)
    before = seen().everything(*seen().parents())
    second = sync(run.folder, TRACKING, final=True)
    assert (first.metrics > 1500, first.params > 0, first.artifacts) == (True, True, 7)
    assert (second.metrics, second.params, second.artifacts, second.run_id) == (0, 0, 0, first.run_id)
    assert seen().everything(*seen().parents()) == before


def test_what_mlflow_has_got_is_known_without_it(run, seen, tmp_path):
    _whole(run)
    sync(run.folder, TRACKING, final=False)
    assert not is_sent(run.folder, TRACKING)
    report = sync(run.folder, TRACKING, final=True)
    assert is_sent(run.folder, TRACKING)
    assert not is_sent(run.folder, Tracking(uri=f"sqlite:///{tmp_path}/other.db"))
    assert not is_sent(run.folder, Tracking(log_models=not TRACKING.log_models))
    path = run.folder / "recipe.yaml"
    content = path.read_bytes()
    path.write_bytes(content + b"# changed")
    assert not is_sent(run.folder, TRACKING)
    path.write_bytes(content)
    seen().client.delete_run(report.run_id)
    assert not is_sent(run.folder, TRACKING)
    sync(run.folder, TRACKING, final=True)
    (run.folder.parent / "mlflow.db").unlink()
    assert not is_sent(run.folder, TRACKING)


def test_a_run_is_followed_while_it_goes_on_and_when_it_goes_on_after_a_failure(run, seen):
    sync(run.folder, TRACKING, final=False)
    (parent,) = seen().parents()
    assert (parent.info.status, seen().children(parent)) == ("RUNNING", {})

    run.add_model("student", "student")
    sync(run.folder, TRACKING, final=False)
    assert seen().children(parent) == {}, "MLflow lets nobody change a start, so there is no run before it"
    run.write_history("student", 7)
    sync(run.folder, TRACKING, final=False)
    child = seen().children(parent)["student"]
    assert (child.info.status, len(seen().rows(child, "loss"))) == ("RUNNING", 7)

    run.finish("failed")
    sync(run.folder, TRACKING, final=True)
    (parent,) = seen().parents()
    assert (parent.info.status, seen().children(parent)["student"].info.status) == ("FAILED", "FAILED")

    run.results |= {"state": "running", "finished": None}
    run.save()
    sync(run.folder, TRACKING, final=False)
    assert seen().parents()[0].info.status == "RUNNING"

    run.write_history("student", 10)
    run.evaluate("student")
    run.finish()
    sync(run.folder, TRACKING, final=True)
    (parent,) = seen().parents()
    child = seen().children(parent)["student"]
    assert (parent.info.status, child.info.status) == ("FINISHED", "FINISHED")
    assert [step for step, _ in seen().rows(child, "loss")] == list(range(1, 11))
    assert parent.data.tags["distil.state"] == "finished"


def test_a_history_taken_back_to_a_checkpoint_is_not_sent_twice(run, seen):
    run.add_model("student", "student", steps=12)
    for steps in (12, 5, 9, 20):
        run.write_history("student", steps)
        sync(run.folder, TRACKING, final=False)
    child = seen().children(*seen().parents())["student"]
    assert [step for step, _ in seen().rows(child, "loss")] == list(range(1, 21))
    assert [step for step, _ in seen().rows(child, "epoch/loss")] == [5, 10, 15, 20]


def test_a_model_of_another_digest_is_another_child(run, seen):
    run.add_model("student", "student", steps=3)
    sync(run.folder, TRACKING, final=False)
    run.results["models"][0] |= {"digest": "changed", "settings": {"lr": 1.0}}
    run.save()
    sync(run.folder, TRACKING, final=False)
    children = [one for one in seen()._runs() if "mlflow.parentRunId" in one.data.tags]
    assert sorted(one.data.params["lr"] for one in children) == ["1.0", "3e-05"]


class Crash(BaseException):
    pass


def test_a_crash_after_any_piece_doubles_nothing(run, seen, monkeypatch):
    monkeypatch.setattr(sender, "METRICS_PER_BATCH", 8)
    run.add_model("student", "student", steps=6)
    run.evaluate("student")
    run.finish()
    sync(run.folder, TRACKING, final=True)
    (whole,) = seen().parents()
    expected = seen().everything(whole)

    save, pieces = Ledger.save, 0
    done = {whole.info.run_id}
    while True:
        copy = run.output / f"crash-{pieces}"
        shutil.copytree(run.folder, copy, ignore=shutil.ignore_patterns("tracked.json"))
        left = pieces

        def crash(ledger):
            nonlocal left
            if left == 0:
                raise Crash
            left -= 1
            save(ledger)

        with monkeypatch.context() as patch:
            patch.setattr(Ledger, "save", crash)
            try:
                sync(copy, TRACKING, final=True)
                break
            except Crash:
                pass
        sync(copy, TRACKING, final=True)
        (again,) = [one for one in seen().parents() if one.info.run_id not in done]
        done.add(again.info.run_id)
        assert seen().everything(again) == expected, f"crash at piece {pieces}"
        pieces += 1
    assert pieces > 12


def test_two_destinations_each_get_everything(run, seen, tmp_path):
    _whole(run)
    other = Tracking(uri=f"sqlite:///{tmp_path}/other/m.db", experiment="второй", log_models=False)
    sync(run.folder, TRACKING, final=True)
    sync(run.folder, other, final=True)
    here, there = seen(), seen(other.uri, "второй")
    assert here.everything(*here.parents()) == there.everything(*there.parents())
    assert (tmp_path / "other" / "mlartifacts").is_dir()
    assert sync(run.folder, other, final=True).metrics == 0


def test_a_run_deleted_in_mlflow_is_sent_anew(run, seen):
    _whole(run)
    first = sync(run.folder, TRACKING, final=True)
    seen().client.delete_run(first.run_id)
    second = sync(run.folder, TRACKING, final=True)
    assert second.run_id != first.run_id
    (parent,) = seen().parents()
    assert set(seen().children(parent)) == {"teacher", "student"}


def test_the_kind_that_someone_chose_for_an_experiment_stays(run, seen):
    sync(run.folder, TRACKING, final=False)
    client, experiment = seen().client, seen()._experiment
    client.set_experiment_tag(experiment, "mlflow.experimentKind", "classification")
    sync(run.folder, TRACKING, final=False)
    assert client.get_experiment(experiment).tags["mlflow.experimentKind"] == "classification"


def test_a_deleted_experiment_is_named(run, seen):
    sync(run.folder, TRACKING, final=False)
    store = seen()
    store.client.delete_experiment(store._experiment)
    with pytest.raises(TrackingError, match=r"experiment 'distil' .* deleted; restore it .* or name another"):
        sync(run.folder, TRACKING, final=False)


def test_a_server_that_is_not_there_is_named(run):
    with pytest.raises(TrackingError, match=r"tracking at http://127.0.0.1:9 does not answer \(.*refused\)"):
        sync(run.folder, Tracking(uri="http://127.0.0.1:9"), final=True)


def test_a_database_that_cannot_be_opened_is_named(run, tmp_path):
    (tmp_path / "m.db").write_text("this is no database, and longer than a header of one hundred bytes" * 3)
    with pytest.raises(TrackingError, match=r"m\.db did not take the run \(file is not a database\)"):
        sync(run.folder, Tracking(uri=f"sqlite:///{tmp_path}/m.db"), final=True)


def test_what_is_wrong_with_the_folder_is_named(run, tmp_path):
    with pytest.raises(OutputError, match=r"holds no results\.json"):
        sync(tmp_path, TRACKING, final=True)
    (run.folder / "tracked.json").write_text("{")
    with pytest.raises(StoreError, match=r"tracked\.json is damaged .* delete it"):
        sync(run.folder, TRACKING, final=True)
    (run.folder / "tracked.json").unlink()
    (run.folder / "results.json").write_text("{")
    with pytest.raises(StoreError, match=r"results\.json is damaged"):
        sync(run.folder, TRACKING, final=True)
    (run.folder / "results.json").write_text('{"format": 2}')
    with pytest.raises(StoreError, match=r"format 2; this version reads format 1"):
        sync(run.folder, TRACKING, final=True)


def _sync_in_a_process(folder, environment):
    os.environ.clear()
    os.environ.update(environment)  # not that in which the server was started
    client.create_tables = create_tables
    sync(folder, TRACKING, final=True)


def test_a_database_whose_creation_was_broken_off_is_created_anew(run, seen, monkeypatch):
    monkeypatch.setattr(client, "create_tables", create_tables)
    with sqlite3.connect(run.output / ".mlflow.db.new") as begun:
        begun.executescript("CREATE TABLE alembic_version (version_num TEXT); INSERT INTO alembic_version VALUES ('1')")
    sync(run.folder, TRACKING, final=True)
    assert len(seen().parents()) == 1
    assert not (run.output / ".mlflow.db.new").exists()


def test_processes_that_create_the_database_together_all_succeed(run, seen):
    folders = [run.folder, run.output / "other"]
    shutil.copytree(*folders)
    processes = [SERVER.Process(target=_sync_in_a_process, args=(folder, dict(os.environ))) for folder in folders]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert len(seen().parents()) == 2
