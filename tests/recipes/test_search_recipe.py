"""The search that ships, with less data, fewer trials and fewer epochs."""

import json
from pathlib import Path

import pytest

from distil.framework.recipe.load import load_recipe
from tests.forked import start
from tests.searching import finish

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "recipes" / "search_quickstart.yaml"
SMALLER = [
    "data.source.examples={train: 96, validation: 24}",
    "data.splits.train=train[:48]",
    "teachers.teacher.fine_tune.epochs=1",
    "student.epochs=3",
    "search.trials=2",
    "evaluation.latency_questions=2",
]


@pytest.mark.parametrize("name", ["search_quickstart.yaml", "sberquad/search.yaml"])
def test_it_parses_and_says_what_it_does(name: str) -> None:
    path = ROOT / "recipes" / name
    assert load_recipe(path).search is not None
    assert f"distil search recipes/{name}" in path.read_text()


def test_it_searches_from_start_to_best(tmp_path: Path) -> None:
    changed = [f"output={tmp_path}", *SMALLER]
    assert "Traceback" not in finish(start("search", RECIPE, *changed))
    folder = load_recipe(RECIPE, changed).run_folder
    search = json.loads((folder / "search.json").read_text())
    assert search["state"] == "finished"
    assert len(search["trials"]) == 2
    best = load_recipe(folder / "best.yaml")
    assert best.student is not None
    assert best.student.lr == search["trials"][search["best"]]["values"]["student.lr"]
    assert {path.name for path in (folder / "plots").iterdir()} >= {"parallel_coordinates.png"}
