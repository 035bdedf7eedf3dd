"""A whole run in this process, and what it leaves on disk."""

import json
import logging
import os
import shutil
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from distil.framework import locks
from distil.framework.errors import RecipeError, StoreError, TrainingError
from distil.framework.files import moment
from distil.framework.locks import alone_in
from distil.framework.progress import Silent
from distil.framework.recipe.load import recipe_from_values
from distil.framework.results import read_results
from distil.framework.run import prepare, run
from distil.framework.training.history import ReportTo
from distil.framework.training.job import TrainingJob, TrainingSummary
from distil.framework.training.loop import train_in_process
from tests.tiny import figures, model_of, several_values, tiny_values


def test_of_two_runs_of_one_recipe_the_second_waits_and_says_for_whom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_from_values(tiny_values(tmp_path, teachers=None, baselines=None, losses={"hard_label": {}}), "here")
    began, told = threading.Event(), threading.Event()
    waiting = (
        f"waiting for the run {recipe.run_folder}: in use by process {os.getpid()} on {socket.gethostname()}, at it"
    )
    handler = logging.Handler()
    monkeypatch.setattr(handler, "emit", lambda record: told.set() if waiting in record.getMessage() else None)
    monkeypatch.setattr(logging.getLogger("distil.framework.locks"), "handlers", [handler])

    def stop(*_: object) -> Any:
        began.set()
        raise TrainingError("far enough")

    def second() -> None:
        with pytest.raises(TrainingError):
            run(recipe, train=stop)

    monkeypatch.setattr(locks, "PATIENCE", 0.1)
    with alone_in(recipe.run_folder):
        thread = threading.Thread(target=second)
        thread.start()
        assert told.wait(60)
        assert not began.is_set()
        assert {path.name for path in recipe.run_folder.iterdir()} == {".run.lock", ".run.lock.owner"}
    thread.join(60)
    assert began.is_set()


def test_students_share_all_but_their_losses_and_each_model_has_its_times(tmp_path: Path) -> None:
    recipe = recipe_from_values(tiny_values(tmp_path), "here")
    seen = []

    def train(job: TrainingJob, report: ReportTo) -> TrainingSummary:
        models = read_results(recipe.run_folder)["models"]
        seen.append([(model["started"] is not None, model["finished"] is not None) for model in models])
        return train_in_process(job, report)

    began = moment(time.time())
    results = run(recipe, train)
    teacher, baseline, student = results["models"]
    waiting, going_on, done = (False, False), (True, False), (True, True)
    assert seen[0] == [going_on, waiting, waiting]
    assert seen[1:] == [[done, going_on, waiting], [done, done, going_on]]
    times = [model[place] for model in (teacher, baseline, student) for place in ("started", "finished")]
    assert [began, *times, moment(time.time())] == sorted([began, *times, moment(time.time())])
    assert [model["role"] for model in results["models"]] == ["teacher", "baseline", "student"]
    without_losses = [
        {key: value for key, value in model["settings"].items() if not key.startswith("losses.") and key != "teachers"}
        for model in (baseline, student)
    ]
    assert without_losses[0] == without_losses[1]
    assert baseline["training"]["steps"] == student["training"]["steps"]
    inputs = [
        json.loads((tmp_path / model["folder"]).parent.joinpath("manifest.json").read_text())["inputs"]
        for model in (baseline, student)
    ]
    assert {key for key in inputs[0] if inputs[0][key] != inputs[1][key]} == {"losses", "teaching"}
    assert read_results(next(tmp_path.glob("tiny-*"))) == results
    predictions = json.loads((next(tmp_path.glob("tiny-*")) / student["predictions"]).read_text())
    assert len(predictions) == student["evaluation"]["examples"] == 24
    assert results["signals"][0]["examples"] == 96
    assert teacher["evaluation"]["exact_match_interval"][0] <= teacher["evaluation"]["exact_match"]

    compared = {(one["model"], one["against"]): one for one in results["comparisons"]}
    assert list(compared) == [("student", "student_no_distillation"), ("teacher", "student_no_distillation")]
    for name in ("student", "teacher"):
        one = compared[name, "student_no_distillation"]
        assert (one["examples"], one["seeds"], one["paired"]) == (24, 1, True)
        for metric, found in one["metrics"].items():
            figures = [model_of(results, other)["evaluation"][metric] for other in (name, "student_no_distillation")]
            assert found["difference"] == pytest.approx(figures[0] - figures[1])
            assert found["interval"][0] <= found["difference"] <= found["interval"][1]
    assert results["conclusions"][-1].startswith("One seed")
    for model in results["models"]:
        latency = model["latency"]
        assert (latency["questions"], latency["threads"]) == (3, 1)
        assert 0 < latency["q1_ms"] <= latency["median_ms"] <= latency["q3_ms"] <= latency["p95_ms"]
    _damage_is_named_and_what_is_deleted_is_made_again(tmp_path, results)


def _damage_is_named_and_what_is_deleted_is_made_again(output: Path, results: dict[str, Any]) -> None:
    recipe = recipe_from_values(tiny_values(output), "here")
    # A finished run reads nothing of what its students were taught.
    made = [
        path
        for kind in (output / "store").iterdir()
        if kind.name not in ("targets", "figures")
        for path in kind.glob("*/**/*")
    ]
    kinds = {path.name: path for path in made if path.is_file() and path.suffix != ".lock"}
    assert {"model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"} < set(kinds)
    assert {"distil.json", "history.jsonl", "predictions.json", "manifest.json"} < set(kinds)
    for name, path in kinds.items():
        content = path.read_bytes()
        path.write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
        with pytest.raises(StoreError, match=f"{name}.*delete that folder"):
            run(recipe)
        path.write_bytes(content)
    folder = kinds["tokenizer_config.json"].parent
    (folder / "tokenizer_config.json").unlink()
    with pytest.raises(StoreError, match=r"tokenizer_config\.json is missing"):
        run(recipe)
    for place in (folder, kinds["predictions.json"].parent):
        shutil.rmtree(output / Path(*place.relative_to(output).parts[:3]))
    assert figures(run(recipe)) == figures(results)


class Heard(Silent):
    """A progress that keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, message: str) -> None:
        self.lines.append(message)


def test_results_of_other_versions_are_made_anew_or_accepted_as_the_recipe_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = {"ensemble": None, "teachers__b": None, "teachers__c": None}
    values = several_values(tmp_path, **alone, teachers__a__temperature="calibrated", signals__held_out="train")
    before = run(recipe_from_values(values, "here"))
    assert before["accepted"] == []
    assert before["held_out"]["a"]["temperature"] > 0
    monkeypatch.setattr("distil.framework.digest._installed", lambda library: "9.9")
    context, graph = prepare(recipe_from_values(values, "here"))
    titles = [stage.title for stage in graph.stages()]
    assert not any(stage.is_done(context.store) for stage in graph.stages())

    values["engine"]["accept_versions"] = True
    heard = Heard()
    accepted = run(recipe_from_values(values, "here"), progress=heard)
    assert accepted["run"] == before["run"]
    assert accepted["models"] == [{**one, "reused": True} for one in before["models"]]
    # What is found out about accepted signals is made by no library, and so is what it was.
    assert [one["stage"] for one in accepted["accepted"]] == [one for one in titles if not one.startswith("look")]
    assert sum("and accepted" in line for line in heard.lines) == len(accepted["accepted"])

    # What is made now is made of what was accepted, and known by that.
    values["student"]["lr"] = 0.002
    teacher, student = run(recipe_from_values(values, "here"))["models"]
    assert teacher["digest"] == before["models"][0]["digest"]
    manifest = json.loads((tmp_path / student["folder"]).parent.joinpath("manifest.json").read_text())
    assert manifest["inputs"]["teaching"]["teachers"][0]["signals"] == [before["signals"][0]["digest"]]
    assert manifest["versions"]["torch"] == "9.9"
    values["engine"]["accept_versions"] = False
    context, graph = prepare(recipe_from_values(values, "here"))
    assert not graph.models[-1].weights.is_done(context.store)


def test_what_is_measured_and_learnt_is_counted(tmp_path: Path) -> None:
    texts = {
        "train": [("а б", "x"), ("в", "y"), ("г", "x")],
        "more": [("д", "x"), ("в", "y")],
        "rest": [("ж", None)],
        "dev": [("в", "x"), ("е", "y"), ("д", "y"), ("г", None), ("ж", "x"), ("и", "z")],
    }
    for name, rows in texts.items():
        written = [
            {"id": f"{name}-{number}", "text": text, "label": label} for number, (text, label) in enumerate(rows)
        ]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in written), encoding="utf-8")
    files = {name: str(tmp_path / f"{name}.jsonl") for name in texts}
    values = tiny_values(
        tmp_path / "runs",
        data={"source": {"kind": "files", "path": files}, "splits": {name: name for name in texts}},
        task={"kind": "classification"},
        windows=None,
        teachers__teacher__split="more",
        student__unlabelled=["rest"],
    )
    said: list[str] = []

    class Heard(Silent):
        def say(self, message: str) -> None:
            said.append(message)

    context, _ = prepare(recipe_from_values(values, "here"), progress=Heard())
    note, untaught = (context.data["dev"].notes[kind] for kind in ("learnt", "untaught"))
    assert note.ids == ("dev-0", "dev-2", "dev-4")
    assert untaught.ids == ("dev-5",)
    assert not context.data["train"].notes
    assert said == [
        f"dev: 3 texts {note.note.meaning}: dev-0, dev-2, dev-4",
        f"dev: 1 text {untaught.note.meaning}: dev-5",
    ]
    assert note.note.meaning.startswith("stand in 'more', 'train' and 'rest', too")


def test_streaming_takes_ray(tmp_path: Path) -> None:
    recipe = recipe_from_values(several_values(tmp_path, signals__mode="streamed"), "here")
    with pytest.raises(RecipeError, match=r"signals\.mode is 'streamed', which takes Ray; use `distil run`, or set it"):
        run(recipe)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("loss", ["reverse_kl", "jsd", "mse_logits"])
def test_every_signal_loss_trains(tmp_path: Path, loss: str) -> None:
    values = tiny_values(
        tmp_path,
        losses={loss: {"weight": {"start": 1.0, "end": 0.5}}},
        baselines=None,
        teachers__teacher__fine_tune__epochs=1,
        student__epochs=1,
    )
    history = tmp_path / run(recipe_from_values(values, "here"))["models"][-1]["history"]
    rows = [json.loads(line) for line in history.read_text().splitlines()]
    assert all(row["metrics"][f"loss/{loss}"] > 0 for row in rows if row["kind"] == "step")


def test_a_student_of_a_teachers_layers(tmp_path: Path) -> None:
    values = tiny_values(
        tmp_path,
        student__model={"kind": "layers", "teacher": "teacher", "layers": [1]},
        student__tokenizer=None,
        baselines=None,
    )
    teacher, student = run(recipe_from_values(values, "here"))["models"]
    assert student["parameters"] < teacher["parameters"]


def test_unanswerable_questions_from_start_to_table(tmp_path: Path) -> None:
    values = tiny_values(tmp_path, task={"kind": "extractive_qa", "unanswerable": True}, data__source__unanswerable=0.3)
    for model in run(recipe_from_values(values, "here"))["models"]:
        assert {"exact_match", "f1", "HasAns_f1", "NoAns_f1", "best_f1_thresh"} <= set(model["evaluation"])
