"""The task of docs/own_task.md, run as it stands there."""

import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from distil.framework.errors import RecipeError
from distil.framework.outcome import RunResults
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import run
from distil.launch.answer import answer
from distil.launch.evaluate import evaluate_model
from tests.serving import asked_page, serving

TEXT = (Path(__file__).parents[2] / "docs" / "own_task.md").read_text(encoding="utf-8")
CODE = re.findall(r"```python\n(# my_choice\.py\n.*?)```", TEXT, flags=re.DOTALL)[0]
RECIPE = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", TEXT, flags=re.DOTALL)[0])
ANIMALS, THINGS = ("fish", "duck", "seal", "whale", "otter"), ("stone", "brick", "chair", "spoon", "lamp", "wall")


def tiny(architecture: str) -> dict[str, Any]:
    config = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    more = {"max_position_embeddings": 132, "type_vocab_size": 1} if architecture == "roberta" else {}
    return {"kind": "config", "architecture": architecture, "config": config | more}


def questions(count: int, first: int) -> list[dict[str, Any]]:
    """Which of several things swims?"""
    found = []
    for number in range(first, first + count):
        candidates = [THINGS[(number + place) % len(THINGS)] for place in range(2 + number % 3)]
        answer = (number * 7) % len(candidates)
        candidates[answer] = ANIMALS[(number * 3) % len(ANIMALS)]
        found.append({"question": f"Which of them swims in lake {number}?", "candidates": candidates, "answer": answer})
    return found


def values(folder: Path) -> dict[str, Any]:
    """The recipe of the document, with files and models of its size for a test."""
    for split, lines in {"train": questions(128, 0), "dev": questions(48, 1000)}.items():
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / f"{split}.jsonl").write_text(text, encoding="utf-8")
    found = {
        **RECIPE,
        "output": str(folder / "runs"),
        "windows": {"max_length": 64},
        "signals": {"top_k": 2},  # fewer than candidates
        "evaluation": {"latency_questions": 2},
    }
    found["data"]["source"]["path"] = {split: str(folder / f"{split}.jsonl") for split in ("train", "dev")}
    training = {"lr": 1e-2, "epochs": 2, "batch_size": 16}
    for teacher, architecture, cut in (("bert", "bert", "wordpiece"), ("xlm", "roberta", "bpe")):
        found["teachers"][teacher] = {
            "kind": "encoder",
            "model": tiny(architecture),
            "tokenizer": {"kind": cut, "vocab_size": 300},
            "fine_tune": training,
        }
    found["student"] = {"model": tiny("bert"), "tokenizer": {"kind": "wordpiece", "vocab_size": 200}, **training}
    return {**found, "baselines": ["no_distillation"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    found = tmp_path_factory.mktemp("own-task")
    (found / "my_choice.py").write_text(CODE, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(found)
        importlib.invalidate_caches()
        yield found


@pytest.fixture(scope="module")
def results(folder: Path) -> RunResults:
    return run(recipe_from_values(values(folder), "docs/own_task.md"))


@pytest.fixture(scope="module")
def run_folder(results: RunResults, folder: Path) -> Path:
    return folder / "runs" / results["run"]


def test_the_task_is_short() -> None:
    assert len(CODE.splitlines()) <= 150


def test_teachers_teach_a_student_which_is_measured_and_answers(
    folder: Path, results: RunResults, run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {model["name"]: model["evaluation"]["accuracy"] for model in results["models"]}
    assert set(found) == {"bert", "xlm", "ensemble", "student_no_distillation", "student"}
    assert min(found["bert"], found["ensemble"], found["student"]) > 80  # a third are right by chance

    capsys.readouterr()
    asked = ["--question", "Which of them swims in lake 3?", "--candidates", "stone | whale | wall"]
    answer([str(run_folder), *asked])
    answered = json.loads(capsys.readouterr().out)
    assert answered["answer"] == "whale"
    assert sum(answered["probabilities"]) == pytest.approx(1, abs=1e-3)

    with serving(run_folder) as server:
        for model in found:
            status, said = server.ask(
                {"question": "Which of them swims in lake 3?", "candidates": "stone|whale", "model": model}
            )
            assert (status, said["answer"] in ("stone", "whale")) == (200, True)
        assert server.ask({"question": "Which?", "candidates": "stone"})[0] == 422

    evaluate_model(run_folder, None, folder / "dev.jsonl", [], None, as_json=True)
    assert json.loads(capsys.readouterr().out)["accuracy"] == pytest.approx(found["student"])


def test_the_page_asks_for_the_fields_of_a_request_and_shows_those_of_the_answer(run_folder: Path) -> None:
    asked = {"question": "Which of them <b>swims</b>?", "candidates": "stone|whale"}
    with serving(run_folder) as server, asked_page(server, asked) as page:
        for number, model in enumerate(("student", "bert")):  # the one that is asked by default comes first
            row = page.locator("tbody tr").nth(number)
            found = server.ask({**asked, "model": model})[1]
            row.get_by_text(f"answer: {found['answer']}", exact=True).wait_for()
            row.get_by_text(f"probabilities: {json.dumps(found['probabilities'], separators=(',', ':'))}").wait_for()
        page.locator("#said").get_by_text(f"answer: {found['answer']}; probabilities: ").first.wait_for(
            state="attached"
        )
        assert page.evaluate("[plainly(123456), plainly(0.123456)]") == ["123456", "0.1235"]
        assert page.locator("#text").inner_text() == "\n".join(f"{name}: {text}" for name, text in asked.items())
        assert "Metrics" in page.locator("main").inner_text()
        page.get_by_label("candidates", exact=True).fill(" ")
        page.get_by_role("button", name="Ask", exact=True).click()
        page.get_by_text("Give something for candidates.").wait_for()


def test_what_the_task_cannot_do_is_refused_before_anything_runs(folder: Path) -> None:
    wrong = CODE.replace("    candidates: str", "    model: str\n    candidates: str").replace(
        "    answer: str\n", "    milliseconds: str\n"
    )
    (folder / "my_wrong.py").write_text(wrong, encoding="utf-8")
    asked = values(folder)
    asked["task"] = {**asked["task"], "kind": "my_wrong:Choice"}
    with pytest.raises(
        RecipeError, match=r"the request of my_wrong:Choice has a field `model`(.|\n)*response .* `milliseconds`"
    ):
        recipe_from_values(asked, "docs/own_task.md")
    named = CODE.replace(
        'Metric("accuracy", "accuracy")', 'Metric("accuracy", "accuracy"), Metric("examples", "texts")'
    )
    (folder / "my_named.py").write_text(named, encoding="utf-8")
    asked["task"] = {**asked["task"], "kind": "my_named:Choice"}
    with pytest.raises(RecipeError, match="my_named:Choice has a metric or variant `examples`"):
        recipe_from_values(asked, "docs/own_task.md")
    asked = values(folder)
    asked["task"] = {**asked["task"], "separators": ";"}
    with pytest.raises(RecipeError, match="separator"):
        recipe_from_values(asked, "docs/own_task.md")
    asked = values(folder)
    asked["teachers"]["t5"] = {"kind": "generative", "model": {"kind": "folder", "path": "models/t5"}}
    with pytest.raises(RecipeError, match=r"teachers\.t5: a generative model does not teach the task my_choice:Choice"):
        recipe_from_values(asked, "docs/own_task.md")
