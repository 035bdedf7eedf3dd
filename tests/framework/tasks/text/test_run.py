"""Whole runs of models of texts, in this process: unlike teachers, their ensemble, students, and what is done with these."""

import json
from pathlib import Path
from typing import Any

import pytest

from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import run
from distil.tracking.report import markdown_table
from tests.framework.tasks.text.runs import values


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def results(output: Path) -> dict[str, Any]:
    """A teacher with a temperature of its own, one that is asked out of its folds, texts without completions to be learnt."""
    changed = values(
        output,
        data__splits={"train": "train[:32]", "dev": "train[32:40]", "rest": "train[40:48]", "held_out": "train[48:]"},
        teachers__a__temperature="calibrated",
        teachers__b__crossfit=2,
        signals={"held_out": "held_out"},
        student__unlabelled=["rest"],
        baselines=["no_distillation", "a", "b"],
    )
    return run(recipe_from_values(changed, "here"))


def test_all_models_are_measured_by_bits_per_byte(results: dict[str, Any], output: Path) -> None:
    names = ["a", "b", "ensemble", "student", "student_no_distillation", "student_from_a", "student_from_b"]
    assert sorted(model["name"] for model in results["models"]) == sorted(names)
    (folder,) = [path.parent for path in output.glob("*/results.json")]
    for model in results["models"]:
        found = model["evaluation"]
        low, high = found["bits_per_byte_interval"]
        assert 0 < low <= found["bits_per_byte"] <= high < 12
        predicted = json.loads((folder / model["predictions"]).read_text(encoding="utf-8"))
        assert len(predicted) == 8
        assert all(one["bytes"] > 0 for one in predicted.values())
        assert all((one["text"] is None) == (model["name"] == "ensemble") for one in predicted.values())
    assert {signal["split"] for signal in results["signals"]} == {"train", "rest", "dev", "held_out"}


def test_what_share_of_texts_is_taught_is_told(results: dict[str, Any], output: Path) -> None:
    student = next(model for model in results["models"] if model["name"] == "student")
    assert 0.9 < student["training"]["taught_share"] <= 1
    assert "bytes of the student's texts" in markdown_table(results)  # type: ignore[arg-type]


def test_models_learn(results: dict[str, Any]) -> None:
    """Better than eight bits a byte, which who knows nothing needs."""
    assert all(model["evaluation"]["bits_per_byte"] < 7 for model in results["models"])
