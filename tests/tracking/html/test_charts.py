"""Learning curves from a history on disk."""

import json
from pathlib import Path
from typing import Any

import pytest

from distil.framework.language.words import ENGLISH
from distil.framework.paper import TABLE
from distil.framework.recipe.load import load_recipe
from distil.tracking.html.charts import curves, tradeoff

RECIPE = Path(__file__).parents[3] / "recipes/sberquad/single_teacher.yaml"


def test_a_long_history_becomes_means_and_what_is_not_finite_is_left_out(tmp_path: Path) -> None:
    history = tmp_path / "store" / "history.jsonl"
    history.parent.mkdir()
    rows = [{"kind": "step", "step": step, "metrics": {"loss": 1000.0 - step}} for step in range(1, 801)]
    rows += [
        {"kind": "step", "step": 801, "metrics": {"loss": float("nan")}},
        {"kind": "epoch", "step": 801, "metrics": {"loss": 5.0}},
        {"kind": "evaluation", "step": 801, "epoch": 1.0, "metrics": {"exact_match": 40.0, "f1": 50.0}},
        {"kind": "evaluation", "step": 1602, "epoch": 2.0, "metrics": {"exact_match": 45.0, "f1": 60.0}},
        {"kind": "validation", "step": 1602, "epoch": 2.0, "metrics": {"exact_match": 44.0, "f1": 58.0}},
    ]
    history.write_text("".join(json.dumps({"time": 0, "epoch": 0.5, **row}) + "\n" for row in rows))
    models = [
        {"name": "student", "role": "student", "history": "store/history.jsonl"},
        {"name": "gone", "role": "baseline", "history": "store/gone.jsonl"},
        {"name": "taken", "role": "teacher", "history": None},
    ]
    found = curves(tmp_path / "run", {"models": models}, ENGLISH)
    assert found is not None
    ((loss,),) = (plot.lines for plot in found.losses)
    assert len(loss.points) == 200
    assert (loss.points[0], loss.points[-1]) == ((4, pytest.approx(997.5)), (800, pytest.approx(201.5)))
    metrics = {plot.title: plot.lines[0].points for plot in found.metrics}
    assert metrics == {
        "EM during training": [(1.0, 40.0), (2.0, 45.0)],
        "EM during training, on `validation`": [(2.0, 44.0)],
        "F1 during training": [(1.0, 50.0), (2.0, 60.0)],
        "F1 during training, on `validation`": [(2.0, 58.0)],
    }
    assert found.missing == ["gone"]


def test_without_training_there_are_no_curves(tmp_path: Path) -> None:
    assert curves(tmp_path, {"models": [{"name": "taken", "role": "teacher", "history": None}]}, ENGLISH) is None


def results(**changes: Any) -> dict[str, Any]:
    recipe = load_recipe(RECIPE, [f"{place.replace('__', '.')}={value}" for place, value in changes.items()])
    figures = {"exact_match": 60.0, "exact_match_interval": [58.0, 62.0], "f1": 80.0}
    sized = {"parameters": 54_000_000, "evaluation": figures, "latency": {"median_ms": 20.0}}
    return {
        "recipe": recipe.resolved(),
        "models": [
            {"name": "student", "role": "student", **sized},
            {"name": "ensemble", "role": "ensemble", "parameters": None, "evaluation": figures, "latency": None},
            {"name": "later", "role": "baseline", "parameters": None, "evaluation": None, "latency": None},
        ],
    }


def test_published_models_stand_beside_those_of_sberquad() -> None:
    found = tradeoff(results(), ENGLISH)
    assert found is not None
    by_key = {plot.key: plot for plot in found.plots}
    assert list(by_key) == ["exact_match-parameters", "exact_match-latency", "f1-parameters", "f1-latency"]
    for metric in ("exact_match", "f1"):
        published = [mark for mark in by_key[f"{metric}-parameters"].marks if mark.kind == "published"]
        assert [(mark.name, mark.x, mark.y) for mark in published] == [
            (row.name, row.parameters * 1e6, getattr(row, metric)) for row in TABLE
        ]
        assert [mark.name for mark in by_key[f"{metric}-latency"].marks] == ["student"]
    (own,) = (mark for mark in by_key["exact_match-parameters"].marks if mark.labelled)
    assert (own.name, own.x, own.y, own.interval) == ("student", 54_000_000, 60.0, (58.0, 62.0))
    assert list(found.legend) == ["student", "published"]
    assert "Galeev & Panishchev (2022)" in found.legend["published"]
    assert len(found.published) == len(TABLE)


@pytest.mark.parametrize(
    "change",
    [
        {"data__source__id": "other/dataset"},
        {"data__unanswerable": "true"},
        {"data__splits": "{train: train}", "data__extra": "{dev: {source: {kind: hub, id: other/dataset}}}"},
    ],
)
def test_and_beside_no_others(change: dict[str, str]) -> None:
    found = tradeoff(results(**change), ENGLISH)
    assert found is not None
    assert all(mark.kind != "published" for plot in found.plots for mark in plot.marks)
    assert (found.published, found.legend) == ([], {"student": "student"})


def test_without_figures_there_is_nothing_to_draw() -> None:
    empty = results()
    empty["models"] = empty["models"][1:]
    assert tradeoff(empty, ENGLISH) is None
