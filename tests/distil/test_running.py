"""Runs in Python: as the command leaves them, in any thread, of which the process shows no trace."""

import json
import os
import random
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pyarrow as pa
import pytest
import torch
import torch.distributed as dist
from transformers.utils import logging
from typer.testing import CliRunner

import distil
from distil.asking import LabelsResponse, SpanResponse
from distil.framework.manifest import MANIFEST
from distil.framework.results import read_results
from distil.launch.commands import app
from distil.launch.compare import compare_runs_at
from tests.comparing import MODELS, write_run
from tests.tiny import several_values, tiny_values

WINDOWS = {"max_length": 96, "doc_stride": 16, "max_question": 24}


def traces() -> dict[str, Any]:
    """What a run might change in a process."""
    return {
        "signals": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)],
        "environment": dict(os.environ),
        "verbosity": (logging.get_verbosity(), logging.is_progress_bar_enabled()),
        "group": dist.is_initialized(),
        "random": (random.getstate(), torch.get_rng_state().tolist(), np.random.get_state()[1].tolist()),  # type: ignore[index]
        "threads": torch.get_num_threads(),
    }


@pytest.fixture(scope="module")
def values(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    output = tmp_path_factory.mktemp("python") / "runs"
    return several_values(
        output, teachers__c=None, tracking={"uri": f"sqlite:///{output.parent}/mlflow.db", "log_models": False}
    )


@pytest.fixture(scope="module")
def run(values: dict[str, Any]) -> distil.Run:
    """A run in a thread, with what it told."""
    found: list[Any] = []
    before = traces()
    steps: list[distil.Step] = []
    thread = threading.Thread(target=lambda: found.append(distil.run(values, progress=steps.append)))
    thread.start()
    thread.join()
    assert {name: found for name, found in traces().items() if found != before[name]} == {}
    texts = {step.text for step in steps}
    assert {"train a", "train student", "evaluate ensemble"} <= texts
    assert any(text.startswith("[1/") for text in texts)
    *_, last = (step for step in steps if step.text == "train student" and step.done == step.total > 0)
    assert last.unit == "steps"
    (made,) = found
    assert isinstance(made, distil.Run)
    return made


def test_it_leaves_what_the_command_leaves(run: distil.Run, values: dict[str, Any]) -> None:
    assert run.results == read_results(run.folder)
    assert (run.folder / "results.md").read_text(encoding="utf-8") == run.to_markdown() == run._repr_markdown_()
    assert run.recipe == distil.load_recipe(values)
    assert (run.folder / "tracked.json").exists()
    cards = {name: model.record["card"] for name, model in run.models.items() if "card" in model.record}
    assert cards == {name: f"cards/{name}.md" for name in ("a", "b", "student")}
    card = (run.folder / "cards" / "student.md").read_text(encoding="utf-8")
    assert all(part in card for part in ("## Teachers", "## Results", run.conclusions[0], "distil export"))
    shown = CliRunner().invoke(app, ["run", str(run.folder / "recipe.yaml")], catch_exceptions=False)
    assert shown.exit_code == 0
    assert ": done already" in shown.output


def test_a_finished_run_is_read_again(run: distil.Run, values: dict[str, Any]) -> None:
    made = {path: path.stat().st_mtime_ns for path in run.folder.parent.glob(f"store/*/*/{MANIFEST}")}
    again = distil.run(values, progress=False)
    assert again.results == run.results == distil.load_run(run.folder).results
    assert {path: path.stat().st_mtime_ns for path in run.folder.parent.glob(f"store/*/*/{MANIFEST}")} == made


def test_models_have_figures_predictions_and_histories(run: distil.Run) -> None:
    assert list(run.models) == ["a", "b", "ensemble", "student"]
    for name, model in run.models.items():
        low, high = model.intervals["f1"]
        assert low <= model.metrics["f1"] <= high
        assert set(model.metrics) == {"exact_match", "f1"}
        assert set(model.predictions) == {example.id for example in run.examples("dev")}
        assert (model.folder is None) == (name == "ensemble")
        assert bool(model.history) == (name != "ensemble")
    frame = run.to_pandas()
    assert frame.loc["student", "f1"] == run["student"].metrics["f1"]
    assert frame.loc["a", "f1_low"] == run["a"].intervals["f1"][0]
    with pytest.raises(distil.OutputError, match="has no model 'c'; it has a, b, ensemble, student"):
        _ = run["c"]


def test_it_says_whether_it_paid(run: distil.Run) -> None:
    (one,) = (one for one in run.comparisons if one.model == "ensemble")
    found = one.metrics["f1"]
    assert found.value == pytest.approx(run["ensemble"].metrics["f1"] - run[one.against].metrics["f1"])
    assert found.interval[0] <= found.value <= found.interval[1]
    assert (one.seeds, one.paired, found.error) == (1, True, None)
    assert run.conclusions == run.results["conclusions"]
    assert run.conclusions[0].startswith("The ensemble is")
    frame = run.differences_to_pandas()
    assert len(frame) == sum(len(one.metrics) for one in run.comparisons)
    assert set(frame.verdict) <= {"better", "worse", "open"}


def test_runs_are_compared_as_the_command_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [write_run(tmp_path / str(seed), seed=seed) for seed in range(2)]
    compared = distil.compare(distil.load_run(folders[0]), str(folders[1]))
    compare_runs_at(folders, False, True)
    assert capsys.readouterr().out == compared.to_markdown() + "\n"
    student = next(one for one in compared.models if one.name == "student")
    assert (student.role, len(student.runs)) == ("student", 2)
    assert student.errors["f1"] is not None
    one = compared.comparisons[0]
    assert (one.seeds, one.metrics["f1"].error is None) == (2, False)
    assert len(compared.to_pandas()) == 2 * len(compared.comparisons)
    with pytest.raises(distil.UserError, match=r"one after the other: compare\(first, second\); found \["):
        distil.compare(folders)  # type: ignore[arg-type]
    for wrong, found in (((), "nothing"), ((folders[0], None), "None")):
        with pytest.raises(distil.UserError, match=f"found {found}"):
            distil.compare(*wrong)  # type: ignore[arg-type]
    alone = {"student": MODELS["student"]}
    only = [write_run(tmp_path / f"only{seed}", models=alone, seed=seed) for seed in range(2)]
    (model,) = distil.compare(*only).models
    assert model.errors["f1"] is not None
    assert "model" in distil.compare(*only).to_markdown()
    with pytest.raises(distil.UserError, match="nothing to compare"):
        distil.compare(only[0])


def test_models_are_measured_on_data_at_hand(run: distil.Run, tmp_path: Path) -> None:
    rows = [
        {"passage": one.context, "question": one.question, "answers": [answer.text for answer in one.answers]}
        for one in run.examples("dev")
    ]
    own = {"context": "passage"}
    found = distil.evaluate(run, rows, fields=own, progress=False)
    assert found.examples == len(rows)
    assert found.metrics == pytest.approx(run["student"].metrics)
    assert list(found.predictions) == [str(number) for number in range(len(rows))]
    (tmp_path / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
    for source, data in ((run["student"], pd.DataFrame(rows)), (distil.load(run), tmp_path / "rows.json")):
        assert distil.evaluate(source, data, fields=own, progress=False).metrics == found.metrics
    of_all = distil.evaluate(run, rows, model="ensemble", fields=own, progress=False)
    assert of_all.metrics["f1"] == pytest.approx(run["ensemble"].metrics["f1"], abs=1)
    for data, fields, message in (
        (rows, {}, r"the data: line 1: no field 'context' \(found: passage"),
        (rows, {"text": "passage"}, "fields: unknown name 'text'"),
        (rows, ["context"], "fields: expected names of columns by the task's"),
        ([{**row, "answers": None} for row in rows], own, "none of the questions has a label"),
        ({"dev": rows}, own, "expected the rows of one split"),
        (tmp_path / "no.json", own, "no such file"),
        (3, own, "expected a Dataset, a frame or a list of dicts"),
    ):
        with pytest.raises(distil.DataError, match=message):
            distil.evaluate(run, data, fields=fields, progress=False)  # type: ignore[arg-type]


def test_signals_are_columns_and_a_frame(run: distil.Run) -> None:
    table = run.signals("a", "train")
    assert list(table.ids) == [example.id for example in run.examples("train")]
    frame = table.to_pandas()
    mass = np.exp(frame.log_p.astype(np.float64)).groupby([frame.id, frame["head"]]).sum()
    np.testing.assert_allclose(mass, 1, atol=5e-3)
    assert len(mass) == 2 * len(table.ids)
    assert list(dict.fromkeys(frame.id)) == list(table.ids)
    left_out = frame[frame.outcome.isna()]
    assert left_out.outcomes.sum() == table.signals.tail_size.sum()
    assert len(frame) - len(left_out) == len(table.signals.keys)
    assert (frame[frame.outcome.notna()].outcomes == 1).all()
    with pytest.raises(distil.OutputError, match=r"no signals of a on 'dew'; it has .*a on 'train'"):
        run.signals("a", "dew")
    with pytest.raises(distil.OutputError, match="no split 'dew'; it has train, dev"):
        run.examples("dew")


def test_what_is_gone_from_the_disk_is_told(run: distil.Run, tmp_path: Path) -> None:
    shutil.copytree(run.folder, tmp_path / run.folder.name)
    moved = distil.load_run(tmp_path / run.folder.name)
    shutil.rmtree(moved.folder)
    with pytest.raises(distil.OutputError, match=r"predictions.* is gone; run the recipe again"):
        _ = moved["student"].predictions
    with pytest.raises(distil.OutputError, match=r"the signals of a on 'train', is gone; run the recipe again"):
        moved.signals("a", "train")


@pytest.mark.parametrize("name", ["student", "a", "ensemble"])
def test_a_batch_is_answered_as_each_request_alone(run: distil.Run, name: str) -> None:
    model = distil.load(run, name)
    asked = [{"question": one.question, "context": one.context} for one in run.examples("dev")[:7]]
    said = model.predict([*asked, asked[0]])
    assert said == [model.predict([model.request(**one)])[0] for one in [*asked, asked[0]]]
    assert all(isinstance(one, model.response) for one in said)
    assert model.predict([]) == []
    assert model.predict(pd.DataFrame(asked[:2])) == model.predict(pa.Table.from_pylist(asked[:2])) == said[:2]
    recorded = run[name].predictions
    assert [one.answer for one in said[:7]] == [recorded[one.id]["answer"] for one in run.examples("dev")[:7]]  # type: ignore[attr-defined]


def test_models_are_found_by_path_too(run: distil.Run) -> None:
    folder = run["student"].folder
    assert folder is not None
    ask = [{"question": "Кто?", "context": "Анна поёт."}]
    said = [distil.load(source).predict(ask) for source in (run.folder, str(folder), run["student"])]
    assert said[0] == said[1] == said[2]
    assert "Predictor('student': question, context -> " in repr(distil.load(run))
    with pytest.raises(distil.OutputError, match="no run at"):
        distil.load(run.folder / "nothing")
    for opens in (distil.load, distil.load_run, distil.load_search):
        with pytest.raises(distil.OutputError, match=r"expected .*, found 3$"):
            opens(3)  # type: ignore[operator]
    assert distil.load(run, response=SpanResponse).predict(ask)[0].answer == said[0][0].model_dump()["answer"]
    with pytest.raises(
        distil.ModelError, match=r"answers with SpanResponse \(answer, score, start, end\), and `response` is"
    ):
        distil.load(run, response=LabelsResponse)
    with pytest.raises(distil.ModelError, match="drop `model`"):
        distil.load(run["a"], "b")


@pytest.mark.parametrize(
    ("requests", "message"),
    [
        ([{"question": "a"}], r"request\[0\]: the request: context is missing; add it"),
        (
            [{"question": "a", "context": "b"}, {"question": " ", "context": "b"}],
            r"request\[1\]: the question has no text",
        ),
        (["what?"], r"request\[0\]: expected question and context by name, found 'what\?'"),
        ({"question": "a", "context": "b"}, "found one: put it into a list"),
        (None, "expected a list of requests, found None"),
        (
            [{"question": "a", "context": "b", "id": "c"}],
            r"request\[0\]: the request: id: there is no such field; expected question, context",
        ),
    ],
)
def test_requests_that_are_none_are_refused(run: distil.Run, requests: Any, message: str) -> None:
    with pytest.raises(distil.DataError, match=message):
        distil.load(run).predict(requests)


def test_what_stops_a_run_comes_through_and_it_goes_on(tmp_path: Path) -> None:
    alone = {"teachers": None, "losses": {"hard_label": None}, "baselines": None}
    values = tiny_values(tmp_path, student__checkpoint_every=2, **alone)
    values["tracking"] = {"uri": f"sqlite:///{tmp_path}/mlflow.db", "log_models": False}

    class Enough(Exception):
        pass

    def stop(step: distil.Step) -> None:
        if step.text == "train student" and step.done >= 4:
            raise Enough

    before = traces()
    with pytest.raises(Enough):
        distil.run(values, progress=stop)
    assert traces() == before
    folder = distil.load_recipe(values).run_folder
    assert distil.load_run(folder).results["state"] == "failed"
    said: list[str] = []
    assert distil.run(values, progress=lambda step: said.append(step.text)).results["state"] == "finished"
    assert any("student: goes on from step" in text for text in said)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"student.epoch": 3}, "override 'student.epoch=3'.*did you mean 'epochs'"),
        ({"engine.parallel": 2}, "engine.parallel is 2, for which this process would be forked"),
        ({"rehearse": True}, "use `distil rehearse`"),
        (
            {"search": {"space": {"student.lr": {"kind": "choice", "values": [0.1, 0.2]}}, "trials": 2}},
            "use distil.search",
        ),
    ],
)
def test_what_is_not_for_it_is_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(distil.UserError, match=message):
        distil.run(distil.load_recipe(tiny_values(tmp_path), changes))


def test_progress_is_yes_no_or_a_function(tmp_path: Path) -> None:
    with pytest.raises(distil.UserError, match="progress: expected True, False or a function, found 'yes'"):
        distil.run(tiny_values(tmp_path), progress="yes")  # type: ignore[arg-type]


def test_recipes_come_from_files_values_and_sections(tmp_path: Path) -> None:
    recipe = distil.load_recipe(tiny_values(tmp_path))
    numbers = {"student.epochs": np.int64(3), "student.lr": np.float32(0.5), "seed": np.asarray(7)}
    assert distil.load_recipe(recipe, numbers).student.epochs == 3  # type: ignore[union-attr]
    sections = {name: getattr(recipe, name) for name in type(recipe).model_fields if getattr(recipe, name) is not None}
    assert distil.load_recipe(sections) == distil.load_recipe(recipe) == distil.Recipe(**sections) == recipe
    changed = distil.load_recipe(recipe, {"student.lr": 0.5, "windows": WINDOWS, "description": "«да»"})
    assert changed == distil.load_recipe(recipe, ["student.lr=0.5", f"windows={WINDOWS}", "description=«да»"])
    assert distil.load_recipe(recipe, {"baselines": None}).baselines == []
    with pytest.raises(distil.RecipeError, match="expected a recipe, its sections"):
        distil.load_recipe(3)  # type: ignore[arg-type]
    with pytest.raises(distil.RecipeError, match="the recipe: data is missing"):
        distil.load_recipe({"name": "a"})
    with pytest.raises(distil.RecipeError, match="overrides: expected values by place or a list"):
        distil.load_recipe(recipe, "seed=1")
    with pytest.raises(distil.RecipeError, match="none that a recipe can hold"):
        distil.load_recipe(recipe, {"seed": object()})


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda run: distil.load(run, response="text"), r"`response` is 'text': expected a class of distil\.asking"),
        (lambda run: distil.load(run, ["student"]), r"expected a model's name as `model`, found \['student'\]"),
        (lambda run: distil.load_recipe({}, 3), "overrides: expected values by place, .*found 3"),
        (lambda run: distil.load_recipe({}, [None]), "overrides: .*found None"),
        (lambda run: distil.label({}, splits="train"), "splits: expected a list of names, found 'train'"),
        (lambda run: distil.label({}, to=3), "expected a path, or None, as `to`, found 3"),
        (lambda run: distil.label({}, each_teacher="yes"), "each_teacher: expected True or False, found 'yes'"),
        (lambda run: distil.complete({}, count="3"), "count: expected a whole number from 1 to 1000, found '3'"),
        (lambda run: distil.complete({}, temperature=0.5), "temperature 0.5 is for completions that are drawn"),
        (lambda run: distil.complete({}, split=None), "expected a split's name as `split`, found None"),
        (lambda run: distil.as_source([{"a": 1}], folder=None), "expected a path as `folder`, found None"),
        (lambda run: run[["student"]], "expected a model's name, found"),
        (lambda run: run.examples(["dev"]), "expected a split's name, found"),
        (lambda run: run.signals(["a"], "dev"), "expected a teacher's name, found"),
    ],
)
def test_arguments_of_another_type_are_told(ask: Callable[[distil.Run], object], message: str, run: distil.Run) -> None:
    with pytest.raises(distil.UserError, match=message):
        ask(run)


def test_sections_say_what_is_wrong_with_them() -> None:
    with pytest.raises(
        distil.RecipeError, match=r"Student: lr: .*greater than 0 \(found -1.0\)\nStudent: model is missing; add it"
    ):
        distil.sections.Student(lr=-1.0)  # type: ignore[call-arg]
    with pytest.raises(
        distil.RecipeError, match="KL: temprature: unknown key 'temprature'; did you mean 'temperature'"
    ):
        distil.losses.KL(temprature=2.0)  # type: ignore[call-arg]
    assert distil.sections.Files(path=Path("a.csv")).path == "a.csv"  # type: ignore[arg-type]
