"""Whole runs of classifiers, in this process: teachers of every kind, their ensemble, students, and what is done with these."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from distil.framework.answer import load_answerer
from distil.framework.errors import UserError
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import run
from distil.framework.tasks.classification.usage import LabelsResponse, NumberResponse, TextRequest
from tests.framework.tasks.classification.texts import messages
from tests.tiny import model_of, several_values

_MESSAGES = {"kind": "messages", "examples": {"train": 64, "validation": 40}}
_T5 = {
    "kind": "config",
    "architecture": "t5",
    "config": {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2},
}
_LAYERS = {"model": {"kind": "layers", "teacher": "a", "layers": [0]}, "lr": 0.003, "epochs": 2, "batch_size": 16}


def _values(output: Path, **changes: Any) -> dict[str, Any]:
    common = {
        "data__source": dict(_MESSAGES),
        "task": {"kind": "classification"},
        "windows": {"max_length": 64},
        "evaluation": {"latency_questions": 2, "bootstrap": 100},
    }
    return several_values(output, **{**common, **changes})


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def results(output: Path) -> dict[str, Any]:
    """Three teachers, of which one is asked out of its folds, one generates and one lends its layers."""
    values = _values(
        output,
        data__splits={
            "train": "train[:48]",
            "rest": "train[48:]",
            "dev": "validation[:24]",
            "held_out": "validation[24:]",
        },
        teachers__a__temperature="calibrated",
        teachers__b__crossfit=2,
        teachers__b__tokenizer={"kind": "bpe", "vocab_size": 400},
        teachers__c__kind="generative",
        teachers__c__model=_T5,
        signals={"held_out": "held_out"},
        student={**_LAYERS, "unlabelled": ["rest"]},
        losses={"kl": {"weight": 0.5}, "hard_label": {"weight": 0.5}, "hidden_mse": {"weight": 0.1, "teacher": "a"}},
        baselines=["no_distillation", "b"],
    )
    return run(recipe_from_values(values, "here"))


def test_all_models_are_measured_by_the_metrics_of_the_task(results: dict[str, Any]) -> None:
    names = [model["name"] for model in results["models"]]
    assert names == ["a", "b", "c", "ensemble", "student_no_distillation", "student_from_b", "student"]
    for model in results["models"]:
        found = model["evaluation"]
        assert found["examples"] == 24
        assert 0 <= found["accuracy_interval"][0] <= found["accuracy"] <= found["accuracy_interval"][1] <= 100
        assert {"macro_f1", "mcc", "mcc_interval"} <= found.keys()
    assert results["task"]["metrics"][0]["name"] == "accuracy"
    assert len(results["task"]["settings"]["labels"]) == 10


def _folder(results: dict[str, Any], output: Path, name: str) -> Path:
    """Of a trained model."""
    return output / model_of(results, name)["folder"]


def test_the_student_answers_by_itself(results: dict[str, Any], output: Path) -> None:
    answerer = load_answerer(_folder(results, output, "student"))
    found = answerer.answer(TextRequest(text="Подскажите, пожалуйста, про доставку дивана."))
    assert isinstance(found, LabelsResponse)
    assert sum(found.probabilities.values()) == pytest.approx(1.0, abs=1e-5)
    assert found.labels == [next(iter(found.probabilities))]
    with pytest.raises(UserError, match="the text is blank"):
        answerer.answer(TextRequest(text=" "))


def test_a_trained_classifier_teaches_as_it_is_by_the_names_of_its_classes(
    results: dict[str, Any], output: Path, tmp_path: Path
) -> None:
    """Its classes have other names here, and two of them mean the same."""
    model = tmp_path / "model"
    shutil.copytree(_folder(results, output, "a"), model)
    (model / "distil.json").unlink(missing_ok=True)
    (model / "manifest.json").unlink(missing_ok=True)
    config = json.loads((model / "config.json").read_text())
    labels = list(config["id2label"].values())
    config["id2label"] = {str(number): f"class {number}" for number in range(10)}
    config["label2id"] = {name: int(number) for number, name in config["id2label"].items()}
    (model / "config.json").write_text(json.dumps(config))
    values = _values(output, teachers={"own": {"kind": "encoder", "model": {"kind": "folder", "path": str(model)}}})
    values |= {"ensemble": None, "losses": None, "baselines": None, "student": None}
    values = {key: value for key, value in values.items() if value is not None}
    values["data"] = {"source": _MESSAGES, "splits": {"dev": "validation[:24]"}}
    values["task"] = {"kind": "classification", "labels": labels}
    with pytest.raises(UserError, match=r"'class 0', 'class 1'.*label_map"):
        run(recipe_from_values(values, "here"))
    values["teachers"]["own"]["label_map"] = {f"class {number}": label for number, label in enumerate(labels)}
    found = model_of(run(recipe_from_values(values, "here")), "own")["evaluation"]
    before = model_of(results, "a")["evaluation"]
    assert (found["accuracy"], found["mcc"]) == (before["accuracy"], before["mcc"])


def test_several_labels_and_texts_in_windows(output: Path) -> None:
    values = _values(
        output,
        data__source={**_MESSAGES, "requests": 3},
        task={
            "kind": "classification",
            "problem_type": "multi_label",
            "long_texts": "pool",
            "class_weights": "balanced",
        },
        windows={"max_length": 32, "doc_stride": 8},
        teachers__c=None,
    )
    results = run(recipe_from_values(values, "here"))
    assert [metric["name"] for metric in results["task"]["metrics"]] == ["micro_f1", "macro_f1", "map"]
    for model in results["models"]:
        assert 0 <= model["evaluation"]["map_interval"][0] <= model["evaluation"]["map"] <= 100


def test_numbers_of_pairs_from_a_table(output: Path, tmp_path: Path) -> None:
    """How many words two texts have in common."""
    texts = [text.text for text in messages(60)]
    path = tmp_path / "pairs.tsv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, delimiter="\t")
        rows.writerow(["first", "second", "score"])
        for one, other in zip(texts, reversed(texts), strict=True):
            rows.writerow([one, other, len(set(one.split()) & set(other.split()))])
    source = {
        "kind": "files",
        "path": str(path),
        "fields": {"text": "first", "text_pair": "second", "value": "score"},
    }
    values = _values(
        output,
        data={"source": source, "cut": {"shares": {"train": 0.6, "dev": 0.4}}},
        task={"kind": "classification", "problem_type": "regression"},
        teachers__c=None,
        ensemble={"rule": "agreement"},
    )
    results = run(recipe_from_values(values, "here"))
    low, high = results["task"]["settings"]["range"]
    for model in results["models"]:
        found = model["evaluation"]
        assert -1 <= found["pearson"] <= 1
        assert 0 <= found["mse"] <= (high - low) ** 2
    found = load_answerer(_folder(results, output, "student")).answer(TextRequest(text="a", text_pair="b"))
    assert isinstance(found, NumberResponse)
    assert low <= found.value <= high


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"windows": {"max_length": 64, "doc_stride": 8}}, "windows.doc_stride is for overlapping windows"),
        (
            {"windows": {"max_length": 64}, "task": {"kind": "classification", "long_texts": "pool"}},
            "windows: max_length 64 is no more than doc_stride 128",
        ),
        ({"windows": {"max_length": 64, "max_question": 8}}, "windows.max_question is for questions"),
        ({"data__source": {**_MESSAGES, "requests": 2}}, "set task.problem_type: multi_label, or requests: 1"),
        (
            {"task": {"kind": "classification", "verbaliser": {"a": "b"}}},
            "task.verbaliser is for generative and chat teachers",
        ),
        ({"teachers__a__label_map": {"x": "y"}}, "`label_map` is for a model that is taken as it is"),
        ({"data__source": {"kind": "synthetic"}}, "a synthetic source is for the task extractive_qa"),
        ({"data__source__fields": {"context": "x"}}, "fields"),
        (
            {"teachers__c__kind": "generative", "teachers__c__model": _T5, "teachers__c__beams": 2},
            "teachers.c.beams is for answers that are written",
        ),
        (
            {"teachers__c__kind": "generative", "teachers__c__model": _T5, "teachers__c__prompt": "{question}"},
            "teachers.c.prompt is '{question}'; expected a text with {text}",
        ),
        (
            {"task": {"kind": "classification", "problem_type": "regression"}, "ensemble": {"rule": "confidence"}},
            "which numbers do not tell",
        ),
    ],
)
def test_what_the_task_would_ignore_is_refused(output: Path, changes: dict[str, Any], problem: str) -> None:
    import re

    with pytest.raises(UserError, match=re.escape(problem)):
        recipe_from_values(_values(output, **changes), "here")
