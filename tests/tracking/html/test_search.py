"""The page of a search."""

from pathlib import Path
from typing import Any

from distil.framework.language.words import ENGLISH, RUSSIAN
from distil.framework.recipe.load import recipe_from_values
from distil.framework.search.log import SearchLog, read_search
from distil.tracking.html.page import search_page
from distil.tracking.html.search import search_parts
from tests.reading_html import Page
from tests.tiny import tiny_values

SPACE = {
    "student.lr": {"kind": "log_uniform", "low": 1e-5, "high": 1e-2},
    "losses": {"kind": "choice", "values": [{"kl": {}}, {"kl": {"weight": 0.5}, "hard_label": {}}]},
}


def searched(folder: Path, figures: list[float | None]) -> Path:
    """A search whose trials came to these figures; None: it failed. Trial 4 was stopped early."""
    search = {"space": SPACE, "trials": 9, "metric": "f1"}
    recipe = recipe_from_values(tiny_values(folder, baselines=None, search=search), "here")
    log = SearchLog(recipe, {})
    losses: list[Any] = SPACE["losses"]["values"]  # type: ignore[assignment]
    for number, figure in enumerate(figures):
        chosen = number % 2
        rate = 10.0 ** -(number % 4 + 2)
        log.add({"student.lr": rate, "losses": chosen}, {"student.lr": rate, "losses": losses[chosen]})
        log.begin(number)
        if figure is None:
            log.fail(number, "<b>the loss is nan</b>")
            continue
        log.epoch(number, {"epoch": 2, "exact_match": 1.0, "f1": figure})
        if number == 4:
            log.prune(number)
            continue
        metrics = {"exact_match": 1.0, "f1": figure, "parameters": 9, "latency_median_ms": 2.5, "latency_p95_ms": 3.0}
        log.finish_trial(number, {"metrics": metrics, "seeds": []})
    log.finish("finished")
    return recipe.run_folder


def test_a_search_has_its_trials_their_plots_and_the_best_recipe(tmp_path: Path) -> None:
    folder = searched(tmp_path, [40.0, None, 62.5, 50.0, 20.0])
    text = search_page(folder)
    page = Page(text)
    assert {"trials", "progress", "places", "recipe"} <= set(page.ids())
    assert page.table_of("0") == [["0", "finished", "", "2", "40.00", "2.5", "0.01", "{kl: {}}"]]
    assert page.table_of("1")[0][1:5] == ["failed", "<b>the loss is nan</b>", "0", "–"]
    assert page.table_of("2")[0][2:5] == ["best", "2", "62.50"]
    assert page.texts["figcaption"][1:] == list(SPACE)
    assert page.texts["pre"] == [(folder / "best.yaml").read_text()]
    # Finished trials stand in each plot, those that were stopped early by their places, and the best one is named.
    points = [sum(title.startswith(f"trial {number}:") for title in page.texts["title"]) for number in range(5)]
    assert points == [3, 0, 3, 3, 2]
    assert text.count(">trial 2</text>") == 3
    assert not {tag for tag, _ in page.elements} & {"script", "b", "link", "img"}
    assert Page(search_page(folder, RUSSIAN)).english() == []


def test_interruptions_are_no_time_of_a_search(tmp_path: Path) -> None:
    """Trials that ended a day apart, with an hour and a half of work between them."""
    folder = searched(tmp_path, [40.0, 50.0])
    values = read_search(folder)
    for trial, after, day in zip(values["trials"], (1800.0, 7200.0), (1, 2), strict=True):
        trial |= {"started": "2026-11-01T09:00:00+00:00", "ended": f"2026-11-0{day}T10:00:00+00:00", "after": after}
    parts = search_parts(values, ENGLISH)
    assert parts.progress is not None
    assert [mark.x for mark in parts.progress.marks] == [30.0, 120.0]
    assert parts.progress.x.label == "minutes of trials, without interruptions"


def test_places_have_the_axes_that_they_are_drawn_on(tmp_path: Path) -> None:
    parts = search_parts(read_search(searched(tmp_path, [40.0, 50.0])), ENGLISH)
    rates, losses = (plot.x for plot in parts.places)
    assert rates.log
    assert [text for _, text in rates.ticks] == ["1e-05", "0.0001", "0.001", "0.01"]
    assert not losses.log
    assert [value for value, _ in losses.ticks] == [0, 1]


def test_a_search_without_a_finished_trial_has_its_table(tmp_path: Path) -> None:
    page = Page(search_page(searched(tmp_path, [None])))
    assert page.table_of("1") == []
    assert page.table_of("0")[0][1] == "failed"
    assert "No trial is finished yet." in page.texts["p"]
    assert "progress" not in page.ids()
