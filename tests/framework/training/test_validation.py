"""Measuring a student while it is trained: learning curves that leave the training as it is."""

import json
from pathlib import Path
from typing import Any

import pytest

from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import run
from distil.framework.training.history import Report, ReportTo
from distil.framework.training.job import TrainingJob, TrainingSummary
from distil.framework.training.loop import train_in_process
from tests.tiny import figures, model_of, tiny_values

_TEACHERLESS: dict[str, Any] = {"teachers": None, "baselines": None, "losses": {"hard_label": None}}


class _Stop(Exception):
    pass


def history(output: Path, results: dict[str, Any], name: str = "student") -> list[dict[str, Any]]:
    lines = (output / model_of(results, name)["history"]).read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    for row in rows:
        row.pop("time")
        row["metrics"] = {key: value for key, value in row["metrics"].items() if not key.endswith("per_second")}
    return rows


@pytest.mark.parametrize("zero_stage", [0, 3])
def test_measuring_changes_nothing_and_ends_with_the_final_figures(tmp_path: Path, zero_stage: int) -> None:
    changes = {**_TEACHERLESS, "engine__zero_stage": zero_stage}
    plain = run(recipe_from_values(tiny_values(tmp_path / "plain", **changes), "here"))
    changes["evaluation__during_training"] = True
    measured = run(recipe_from_values(tiny_values(tmp_path / "measured", **changes), "here"))

    assert measured["run"] == plain["run"]
    assert figures(measured) == figures(plain)
    rows = history(tmp_path / "measured", measured)
    curve = [row for row in rows if row["kind"] == "evaluation"]
    assert [row for row in rows if row["kind"] != "evaluation"] == history(tmp_path / "plain", plain)
    assert [row["epoch"] for row in curve] == [1.0, 2.0]
    final = model_of(measured, "student")["evaluation"]
    assert curve[-1]["metrics"] == {name: final[name] for name in ("exact_match", "f1")}


def test_students_of_live_teachers_are_measured_and_teachers_are_not(tmp_path: Path) -> None:
    live: dict[str, Any] = {"hidden_mse": {}}
    model = {"kind": "layers", "teacher": "teacher", "layers": [0]}
    changes = {"losses": {**live, "hard_label": {}}, "student__model": model, "student__tokenizer": None}
    values = tiny_values(tmp_path, **changes, evaluation__during_training=True)
    results = run(recipe_from_values(values, "here"))

    assert not [row for row in history(tmp_path, results, "teacher") if row["kind"] == "evaluation"]
    for name in ("student", "student_no_distillation"):
        curve = [row["metrics"] for row in history(tmp_path, results, name) if row["kind"] == "evaluation"]
        final = model_of(results, name)["evaluation"]
        assert len(curve) == 2
        assert curve[-1] == {key: final[key] for key in ("exact_match", "f1")}


@pytest.mark.parametrize("kind", ["epoch", "evaluation"])
def test_a_training_stopped_at_the_end_of_an_epoch_has_the_same_curve(tmp_path: Path, kind: str) -> None:
    changes = {**_TEACHERLESS, "evaluation__during_training": True, "student__checkpoint_every": "epoch"}
    whole = run(recipe_from_values(tiny_values(tmp_path / "whole", **changes), "here"))

    def interrupted(job: TrainingJob, report: ReportTo) -> TrainingSummary:
        def until(row: Report) -> None:
            report(row)
            if row.kind == kind:
                raise _Stop

        return train_in_process(job, until)

    recipe = recipe_from_values(tiny_values(tmp_path / "broken", **changes), "here")
    with pytest.raises(_Stop):
        run(recipe, train=interrupted)
    assert figures(run(recipe)) == figures(whole)
    assert history(tmp_path / "broken", run(recipe)) == history(tmp_path / "whole", whole)
