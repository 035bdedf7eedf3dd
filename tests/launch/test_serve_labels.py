"""`distil serve` and `distil answer` of a classifier: labels, with bars on the page."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from distil.framework.errors import DataError
from distil.framework.export.export import export_model
from distil.framework.export.finished_run import FinishedRun
from distil.framework.files import write_sealed
from distil.framework.recipe.load import load_recipe, recipe_from_values
from distil.framework.results import model_of, read_results
from distil.framework.run import run
from distil.launch.answer import answer
from distil.launch.evaluate import evaluate_model
from distil.tracking.html.page import run_page
from tests.serving import Served, asked_page, serving, wait_for_answers
from tests.tiny import several_values

TEXT = "Подскажите, пожалуйста, про доставку дивана. Про промокод мне уже ответили."


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    values = several_values(
        tmp_path_factory.mktemp("labels") / "runs",
        data__source={"kind": "messages", "examples": {"train": 48, "validation": 16}},
        task={"kind": "classification"},
        windows={"max_length": 64},
        teachers__c=None,
    )
    recipe = recipe_from_values(values, "here")
    run(recipe)
    with serving(recipe.run_folder) as server:
        yield server


def test_every_model_of_the_run_gives_labels_with_probabilities(served: Served) -> None:
    _, _, found = served.request("GET", "/api/models")
    listing = json.loads(found)
    assert listing["task"] == "classification"
    assert [(field["name"], field["required"]) for field in listing["fields"]] == [("text", True)]
    assert list(listing["most"]) == ["text"]
    for model in [one["name"] for one in listing["models"]]:
        status, answer = served.ask({"text": TEXT, "model": model})
        assert status == 200
        assert answer["model"] == model
        assert sum(answer["probabilities"].values()) == pytest.approx(1.0, abs=1e-3)
        assert answer["labels"] == [next(iter(answer["probabilities"]))]
    status, answer = served.ask({"question": "?", "context": TEXT})
    assert status == 422
    assert served.ask({"text": " "})[0] == 422


def test_the_page_shows_labels_with_bars(served: Served) -> None:
    sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright; install it: pip install -e '.[dev]'")
    with asked_page(served, {"Text": TEXT}) as page:
        wait_for_answers(page, 4)
        expected = served.ask({"text": TEXT})[1]
        row = page.locator("tbody tr").first
        assert row.locator("strong").inner_text() == expected["labels"][0]
        assert row.locator(".label").all_inner_texts() == list(expected["probabilities"])[:5]
        widths = [
            float(width.removesuffix("%"))
            for width in row.locator(".filled").evaluate_all("all => all.map(one => one.style.width)")
        ]
        assert widths == pytest.approx(
            [100 * share for share in list(expected["probabilities"].values())[:5]], abs=0.01
        )
        assert row.locator(".track").first.bounding_box()["width"] > 40  # pixels
        assert "and 5 more" in row.inner_text()
        sync_api.expect(page.locator("#example-questions button")).to_have_count(5)
        assert not page.locator("#second").is_visible()  # as the run has learnt single texts
        assert page.locator("#text").inner_text() == TEXT


def test_it_is_asked_by_options_of_its_own(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    answer([str(served.run), "--text", TEXT])
    printed = json.loads(capsys.readouterr().out)
    assert printed["labels"] == served.ask({"text": TEXT})[1]["labels"]


def test_a_teacher_that_is_taken_as_it_is_is_asked_as_the_recipe_says(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = load_recipe(served.run / "recipe.yaml").resolved()
    trained = served.run.parent / str(model_of("it", read_results(served.run), "a")["folder"])
    shutil.copytree(trained, tmp_path / "a")
    (tmp_path / "a" / "distil.json").unlink()
    teacher = {"kind": "encoder", "model": {"kind": "folder", "path": str(tmp_path / "a")}}
    changed = {"teachers": {"a": teacher}, "ensemble": None}
    recipe = recipe_from_values(plain | changed, "here")
    run(recipe)
    answer([str(recipe.run_folder), "--text", TEXT, "--model", "a"])
    found = json.loads(capsys.readouterr().out)
    assert found["labels"] == served.ask({"text": TEXT, "model": "a"})[1]["labels"]


def test_a_student_is_asked_without_the_code_of_the_losses_that_it_learnt_by(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    results = json.loads((served.run / "results.json").read_text(encoding="utf-8"))
    results["recipe"] |= {"losses": {"mine": {"kind": "of_another_machine:Mine"}}}
    own = served.run.with_name("own-loss")
    own.mkdir()
    write_sealed(own / "results.json", {name: value for name, value in results.items() if name != "crc32"})
    answer([str(own), "--text", TEXT])
    found = json.loads(capsys.readouterr().out)
    assert found["labels"] == served.ask({"text": TEXT})[1]["labels"]


def test_the_export_says_what_it_gives(served: Served, tmp_path: Path) -> None:
    folder = tmp_path / "exported"
    results = json.loads((served.run / "results.json").read_text(encoding="utf-8"))
    recipe = load_recipe(served.run / "recipe.yaml")
    finished = FinishedRun(results, recipe, served.run.parent)
    export_model(finished, "student", folder, with_onnx=False, provenance={})
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "pipeline_tag: text-classification" in card
    assert "one of the labels `возврат`, `гарантия`" in card


def test_it_is_measured_on_a_file_and_its_report_shows_labels(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = json.loads((served.run / "results.json").read_text(encoding="utf-8"))["task"]["settings"]["labels"]
    path, kept = tmp_path / "texts.csv", tmp_path / "predictions.json"
    path.write_text("topic;message\n" + "".join(f"{label};{TEXT} {label}\n" for label in labels), encoding="utf-8-sig")
    evaluate_model(served.run, None, path, ["text=message", "label=topic"], kept, as_json=True)
    found = json.loads(capsys.readouterr().out)
    predictions = json.loads(kept.read_text(encoding="utf-8"))
    right = [predictions[str(number)]["label"] == label for number, label in enumerate(labels)]
    assert (found["examples"], found["accuracy"]) == (len(labels), 100 * sum(right) / len(labels))
    path.write_text("text\nбез темы\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"texts\.csv: none of the texts has a label to compare with"):
        evaluate_model(served.run, None, path, [], None, as_json=False)
    evaluate_model(served.run, None, path, [], kept, as_json=False)
    assert f"no labels to measure by; {kept} has the answers" in capsys.readouterr().out
    assert list(json.loads(kept.read_text(encoding="utf-8"))) == ["0"]
    page = run_page(served.run, read_results(served.run))
    assert "Texts of each gold label (rows) that got each label (columns) by student" in page
