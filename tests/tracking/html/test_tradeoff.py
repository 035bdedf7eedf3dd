"""Which points are drawn, and when the paper's are among them."""

from pathlib import Path
from typing import Any

import pytest

from framework.paper import TABLE
from framework.recipe.load import load_recipe
from tracking.html.tradeoff import tradeoff

RECIPE = Path(__file__).parents[3] / "recipes/sberquad/single_teacher.yaml"


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
    found = tradeoff(results())
    assert found is not None
    by_key = {plot.key: plot for plot in found.plots}
    assert list(by_key) == ["exact_match-size", "exact_match-time", "f1-size", "f1-time"]
    for metric in ("exact_match", "f1"):
        published = [mark for mark in by_key[f"{metric}-size"].marks if mark.kind == "published"]
        assert [(mark.name, mark.x, mark.y) for mark in published] == [
            (row.name, row.parameters * 1e6, getattr(row, metric)) for row in TABLE
        ]
        assert [mark.name for mark in by_key[f"{metric}-time"].marks] == ["student"]
    (own,) = (mark for mark in by_key["exact_match-size"].marks if mark.labelled)
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
    found = tradeoff(results(**change))
    assert found is not None
    assert all(mark.kind != "published" for plot in found.plots for mark in plot.marks)
    assert (found.published, found.legend) == ([], {"student": "student"})


def test_without_figures_there_is_nothing_to_draw() -> None:
    empty = results()
    empty["models"] = empty["models"][1:]
    assert tradeoff(empty) is None
