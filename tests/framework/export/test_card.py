"""Cards of models with several teachers, and of exports that failed."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from distil.framework.export.card import card_of
from distil.framework.export.finished_run import FinishedRun
from distil.framework.recipe.load import recipe_from_values
from tests.tiny import several_values

FORM = {"megabytes": 0.5, "examples": 16, "exact_match": 50.0, "f1": 62.5, "different_answers": 0}


def export(**changes: Any) -> dict[str, Any]:
    forms = {"torch": {**FORM, "largest_difference": 0.0}, "onnx": {**FORM, "largest_difference": None}}
    return {"model": {"name": "student"}, "split": "dev", "forms": forms, "latency": [], "problems": [], **changes}


@pytest.fixture
def run(tmp_path: Path) -> FinishedRun:
    """A student of three teachers, which began as a model of the hub."""
    files = {"train": "questions.json", "validation": "more.json"}
    values = several_values(
        tmp_path, data__source={"kind": "files", "path": files}, task={"kind": "extractive_qa", "unanswerable": True}
    )
    values["student"]["model"] = {"kind": "hub", "id": "someone/small"}
    values["student"] |= {"tokenizer": {"kind": "pretrained"}, "unlabelled": ["dev"]}
    student = {
        "name": "student",
        "role": "student",
        "parameters": 412_000,
        "transductive": True,
        "settings": {"split": "train", "teachers": "a, b, c", "ensemble.rule": "mean", "losses.kl.weight": 0.5},
        "training": {
            "steps": 10,
            "teacher_temperature": {"a": 1.5, "b": 1.0, "c": 1.0},
            "weights": {name: {"mean": 0.25, "std": 0.125} for name in "abc"},
        },
        "evaluation": {"examples": 1200, "computed_in": "bf16", "exact_match": 50.0, "f1": 62.5},
        "latency": None,
    }
    counts = {"examples": 1200, "questions_unlabelled": 0, "repaired": 7, "dropped": 2}
    results = {"run": "tiny-1a2b3c4d", "models": [student], "data": {"splits": {"train": counts, "dev": counts}}}
    return FinishedRun(results, recipe_from_values(values, "here"), tmp_path)


def card(run: FinishedRun, language: str = "en", **changes: Any) -> tuple[dict[str, Any], str]:
    """Header and text of the student's card."""
    (student,) = run.results["models"]
    _, header, text = card_of(run, student, language, export(**changes)).split("---\n", 2)
    return yaml.safe_load(header), text


def test_it_names_texts_that_models_wrote(run: FinishedRun) -> None:
    (student,) = run.results["models"]
    student["settings"] |= {"completions.of": "train, more", "rounds.of": "more", "rounds.count": 2}
    assert (
        "Trained on `train`, and on `dev` without their answers, and on what its teachers wrote after prompts of `train`, `more`, then in 2 rounds "
        "on what it wrote itself after prompts of `more`; measured on `dev`."
    ) in card(run)[1]
    student["settings"]["teachers"] = ""
    assert "They wrote texts, which it learnt as they stand." in card(run)[1]


def test_it_names_teachers_how_they_were_combined_and_what_was_read(run: FinishedRun) -> None:
    header, text = card(run)
    assert header["base_model"] == "someone/small"
    assert "language" not in header
    assert "datasets" not in header
    for fact in (
        "| a | bert, from random weights | 1.50 | 0.25 ± 0.12 |",
        "They were combined example by example: rule `mean`.",
        "Trained on `train`, and on `dev` without their answers; measured on `dev`.",
        "- files of the user's own: `questions.json`, `more.json`\n",
        "It began as [someone/small](https://huggingface.co/someone/small), revision `main`.",
        "EM and F1 in percent, on `dev` (1,200 questions with a label), with 95 % intervals: percentile bootstrap, 100 resamples",
        "Models computed in bf16.",
        "All forms on `dev` (16 examples, intervals as above)",
        "| train | 1,200 | 0 | 7 | 2 |",
        "It has read the questions (not the answers) on which it is measured.",
        "It may say that the text holds no answer.",
        "| student | student, transductive | 412K | 50.0 | 62.5 |",
    ):
        assert fact in text
    assert "does not answer as the model does" not in text
    assert "8 bits" not in text
    assert "generated" not in text


def test_before_an_export_it_is_the_same_but_for_the_files(run: FinishedRun) -> None:
    (student,) = run.results["models"]
    exported, before = card_of(run, student, "en", export()), card_of(run, student, "en")
    said = before.split("\n\n")
    assert [part for part in said if part not in exported.split("\n\n")] == [
        "In the folder that `distil export tiny-1a2b3c4d --to FOLDER` makes, whose own card has its files measured too."
    ]
    assert "## Use" in said
    assert "## Files" not in before
    assert "onnx" not in before


def test_it_says_so_when_the_onnx_file_failed(run: FinishedRun) -> None:
    _, text = card(run, problems=["the ONNX file does not answer as the model does: its logits are not finite"])
    assert "| student | onnx | 0.5 | 50.0 | 62.5 | 0 | not finite |" in text
    assert "**The ONNX file does not answer as the model does: its logits are not finite.**" in text
    assert 'InferenceSession("onnx/model.onnx")' in text


def test_it_says_what_8_bits_cost_and_shows_a_file_that_is_there(run: FinishedRun) -> None:
    one = {**FORM, "largest_difference": 0.0}
    int8 = {**one, "megabytes": 0.25, "exact_match": 43.75, "different_answers": 1}
    _, text = card(run, forms={"torch": one, "onnx": one, "int8": int8})
    assert "8 bits change 1 of 16 answers, EM by -6.25 and F1 by +0.00, for 50% of the size." in text
    assert 'InferenceSession("onnx/model_int8.onnx")' in text
    _, text = card(run, forms={"torch": one}, problems=["cannot export a canine model to ONNX (why); use --no-onnx"])
    assert "**Cannot export a canine model to ONNX (why); use --no-onnx.**" in text
    assert "onnxruntime" not in text


def test_it_asks_in_the_language_of_the_data(run: FinishedRun) -> None:
    header, text = card(run, "ru")
    assert header["language"] == ["ru"]
    assert "Где родилась Анна?" in text
    assert "“russian” is the same with ё read as е" in text
    header, text = card(run, "en")
    assert "language" not in header
    assert "Where was Anna born?" in text
    assert not re.search("[а-яё]", text, re.IGNORECASE)


def test_a_copy_of_layers_began_as_its_teacher_did(run: FinishedRun) -> None:
    values = run.recipe.resolved()
    values["teachers"]["a"]["model"] = {"kind": "hub", "id": "someone/large"}
    values["teachers"]["a"]["tokenizer"] = values["student"]["tokenizer"] = {"kind": "pretrained"}
    values["student"]["model"] = {"kind": "layers", "teacher": "a", "layers": [0, -1]}
    header, text = card(replace(run, recipe=recipe_from_values(values, "here")))
    assert header["base_model"] == "someone/large"
    assert "It began as layers 0, -1 of the teacher `a`, [someone/large](https://huggingface.co/someone/large)" in text
