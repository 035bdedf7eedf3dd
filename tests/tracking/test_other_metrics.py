"""Metrics of a task of one's own, one of them no percentage and the better the less, wherever figures are shown."""

from pathlib import Path
from typing import Any

import pytest

from distil.framework.export.card import card_of
from distil.framework.export.finished_run import FinishedRun
from distil.framework.recipe.load import recipe_from_values
from distil.framework.recipe.schema import Recipe
from distil.framework.recipe.sections import Tracking
from distil.framework.search.log import SearchLog
from distil.framework.search.section import Search
from distil.framework.search.study import goal_of
from distil.framework.tables import table_columns, table_rows
from distil.framework.tasks.registry import summary_of
from distil.launch.search_table import trials_table
from distil.tracking.html.page import run_page, search_page
from distil.tracking.mlflow_sync import sync
from distil.tracking.report import markdown_table
from distil.tracking.search_sync import draw_plots
from tests.other_metrics import TASK
from tests.reading_html import Page
from tests.tiny import tiny_values

ERRORS = {"teacher": 0.125, "ensemble": 0.25, "student": -12.5}


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    search = {"space": {"student.lr": {"kind": "uniform", "low": 0.001, "high": 0.1}}, "trials": 3}
    values = tiny_values(tmp_path, task=TASK, baselines=None, search=search)
    return recipe_from_values(values, "here")


@pytest.fixture
def measured(run: Any, recipe: Recipe) -> Any:
    """A run of that task, whose student was measured after every epoch too."""
    run.results |= {"recipe": recipe.resolved(), "task": summary_of(recipe.task).as_data()}
    for name, error in ERRORS.items():
        run.add_model(name, name, steps=5)
        run.evaluate(name)
        run.results["models"][-1]["evaluation"] = {
            "split": "dev",
            "examples": 300,
            "hits": 80.0,
            "error": error,
            "hits_interval": [75.0, 85.0],
            "error_interval": [error - 0.0625, error + 0.0625],
        }
        for epoch in (1, 2):
            run.add_line(name, epoch, {"hits": 40.0 * epoch, "error": error * epoch})
    run.save()
    return run


def test_tables_have_their_columns_and_formats(measured: Any) -> None:
    assert table_columns(measured.results) == (
        "model",
        "role",
        "parameters",
        "hits [95% interval]",
        "error [95% interval]",
        "latency, ms (quartiles)",
    )
    assert table_rows(measured.results)[0] == (
        "teacher",
        "teacher",
        "412K",
        "80.0 [75.0, 85.0]",
        "0.1250 [0.0625, 0.1875]",
        "4.2 [3.9, 4.6]",
    )
    text = markdown_table(measured.results)
    assert "State: running. hits in percent, error (lower is better), on 300 texts of `dev`." in text


def test_the_page_draws_them_on_axes_of_their_own(measured: Any) -> None:
    text = run_page(measured.folder, measured.results)
    page = Page(text)
    captions = page.texts["figcaption"]
    assert {"hits and parameters", "error and latency", "error during training"} < set(captions)
    assert {"hits, %", "error (lower is better)"} < set(captions)
    assert "EM" not in "".join(captions)
    # A bar of a negative figure ends where the others begin.
    bars = [
        attributes for tag, attributes in page.elements if tag == "rect" and "bar" in (attributes.get("class") or "")
    ]
    assert all(float(bar["width"]) >= 0 for bar in bars)
    begins = {round(float(bar["x"])) for bar in bars if "student" in bar["class"]}
    assert len(begins) == 2


def test_mlflow_gets_them_by_name(measured: Any, seen: Any) -> None:
    measured.finish()
    sync(measured.folder, Tracking(), final=False)
    (parent,) = seen().parents()
    figures = seen().children(parent)["student"].data.metrics
    assert {name: figures[name] for name in ("hits", "hits_low", "error", "error_low", "error_high")} == {
        "hits": 80.0,
        "hits_low": 75.0,
        "error": -12.5,
        "error_low": -12.5625,
        "error_high": -12.4375,
    }
    assert figures["evaluation/error"] == -25.0
    assert not {"exact_match", "f1"} & set(figures)


def test_the_card_names_and_shows_them(measured: Any, recipe: Recipe, tmp_path: Path) -> None:
    form = {"megabytes": 0.5, "examples": 16, "hits": 80.0, "different_answers": 0, "largest_difference": 0.0}
    forms = {"torch": {**form, "error": 0.5}, "int8": {**form, "error": 0.75}}
    task = measured.results["task"]
    export = {"model": {"name": "student"}, "split": "dev", "task": task, "forms": forms, "latency": [], "problems": []}
    model = measured.results["models"][-1]
    card = card_of(FinishedRun(measured.results, recipe, tmp_path), model, "ru", export)
    assert "metrics:\n- hits\n- error\n" in card
    assert "| student | student | 412K | 80.0 [75.0, 85.0] | -12.50 [-12.56, -12.44] |" in card
    assert "| student | int8 | 0.5 | 80.0 | 0.75 | 0 | 0 |" in card
    assert "hits by +0.00 and error by +0.25" in card
    assert "EM [" not in card


def test_a_search_goes_down(recipe: Recipe) -> None:
    log = SearchLog(recipe, {})
    for number, error in enumerate((0.5, 0.125, 0.25)):
        log.add({"student.lr": 0.01 * (number + 1)}, {"student.lr": 0.01 * (number + 1)})
        log.begin(number)
        log.epoch(number, {"epoch": 2, "hits": 50.0, "error": error})
        metrics = {"hits": 50.0, "error": error, "parameters": 9, "latency_median_ms": 2.5}
        log.finish_trial(number, {"metrics": metrics, "seeds": []})
    log.finish("finished")
    assert log.values["best"] == 1
    assert goal_of(recipe).mode == "min"
    assert [str(cell) for cell in trials_table(log, log.trials).columns[3].cells] == ["0.5", "0.125", "0.25"]
    page = Page(search_page(recipe.run_folder))
    assert page.table_of("1")[0][2:5] == ["best", "2", "0.125"]
    described = next(text for text in page.texts["desc"] if "minutes" in text)
    assert described.startswith("error (lower is better) by minutes")
    assert "from 0.5 to 0.125" in described
    search = recipe.search
    assert isinstance(search, Search)
    assert len(draw_plots(search, goal_of(recipe), log.trials, recipe.run_folder)) == 2
