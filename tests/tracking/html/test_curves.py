"""Learning curves from a history on disk."""

import json
from pathlib import Path

import pytest

from tracking.html.curves import curves


def test_a_long_history_becomes_means_and_what_is_not_finite_is_left_out(tmp_path: Path) -> None:
    history = tmp_path / "store" / "history.jsonl"
    history.parent.mkdir()
    rows = [{"kind": "step", "step": step, "metrics": {"loss": 1000.0 - step}} for step in range(1, 801)]
    rows += [
        {"kind": "step", "step": 801, "metrics": {"loss": float("nan")}},
        {"kind": "epoch", "step": 801, "metrics": {"loss": 5.0}},
        {"kind": "evaluation", "step": 801, "epoch": 1.0, "metrics": {"exact_match": 40.0, "f1": 50.0}},
        {"kind": "evaluation", "step": 1602, "epoch": 2.0, "metrics": {"exact_match": 45.0, "f1": 60.0}},
    ]
    history.write_text("".join(json.dumps({"time": 0, "epoch": 0.5, **row}) + "\n" for row in rows))
    models = [
        {"name": "student", "role": "student", "history": "store/history.jsonl"},
        {"name": "gone", "role": "baseline", "history": "store/gone.jsonl"},
        {"name": "taken", "role": "teacher", "history": None},
    ]
    found = curves(tmp_path / "run", {"models": models})
    assert found is not None
    ((loss,),) = (plot.lines for plot in found.losses)
    assert len(loss.points) == 200
    assert (loss.points[0], loss.points[-1]) == ((4, pytest.approx(997.5)), (800, pytest.approx(201.5)))
    metrics = {plot.title: plot.lines[0].points for plot in found.metrics}
    assert metrics == {
        "EM during training": [(1.0, 40.0), (2.0, 45.0)],
        "F1 during training": [(1.0, 50.0), (2.0, 60.0)],
    }
    assert found.missing == ["gone"]


def test_without_training_there_are_no_curves(tmp_path: Path) -> None:
    assert curves(tmp_path, {"models": [{"name": "taken", "role": "teacher", "history": None}]}) is None
