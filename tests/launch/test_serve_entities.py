"""`distil serve`, `distil answer` and `distil export` of a tagger: entities, marked on the page."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from distil.framework.export.export import export_model
from distil.framework.export.finished_run import FinishedRun
from distil.framework.recipe.load import load_recipe, recipe_from_values
from distil.framework.run import run
from distil.launch.answer import answer
from tests.serving import Served, asked_page, serving, wait_for_answers
from tests.tiny import tiny_values

TEXT = "Анна Жукова переезжает из Омска в Калугу. 😀 Киров ждёт Кирова."


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    values = tiny_values(
        tmp_path_factory.mktemp("entities") / "runs",
        data__source={"kind": "news", "examples": {"train": 128, "validation": 16}},
        task={"kind": "tagging"},
        windows={"max_length": 64, "doc_stride": 16},
        teachers__teacher__fine_tune={"lr": 0.01, "epochs": 2, "batch_size": 16},
        student=None,
        losses=None,
        baselines=None,
    )
    recipe = recipe_from_values(values, "here")
    run(recipe)
    with serving(recipe.run_folder) as server:
        yield server


def test_the_model_gives_entities_that_stand_in_the_text(served: Served) -> None:
    _, _, found = served.request("GET", "/api/models")
    listing = json.loads(found)
    assert (listing["task"], list(listing["most"])) == ("tagging", ["text"])
    status, found = served.ask({"text": TEXT})
    assert status == 200
    assert found["entities"]
    for entity in found["entities"]:
        assert TEXT[entity["start"] : entity["end"]] == entity["text"]
        assert 0 < entity["score"] <= 1
    assert served.ask({"text": " "})[0] == 422


def test_the_page_marks_them_with_their_types(served: Served) -> None:
    with asked_page(served, {"Text": TEXT}) as page:
        wait_for_answers(page, 1)
        entities = served.ask({"text": TEXT})[1]["entities"]
        marks = page.locator("#text mark").all_inner_texts()
        assert marks == [entity["text"] + entity["type"] for entity in entities]
        assert page.locator("#score").inner_text().endswith("of which the model is least sure.")
        listed = page.locator("tbody tr").first.locator("li").all_inner_texts()
        assert listed == [f"{entity['text']} {entity['type']}" for entity in entities]


def test_it_is_asked_and_exported_as_what_it_is(
    served: Served, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    answer([str(served.run), "--text", TEXT])
    assert json.loads(capsys.readouterr().out)["entities"] == served.ask({"text": TEXT})[1]["entities"]
    results = json.loads((served.run / "results.json").read_text(encoding="utf-8"))
    finished = FinishedRun(results, load_recipe(served.run / "recipe.yaml"), served.run.parent)
    export_model(finished, "teacher", tmp_path / "exported", with_onnx=True, provenance={})
    card = (tmp_path / "exported" / "README.md").read_text(encoding="utf-8")
    assert "pipeline_tag: token-classification" in card
    assert "of the types `DATE`, `LOC`, `ORG`, `PER`" in card
