"""The history file in step with checkpoints."""

import json
from pathlib import Path

from framework.training.history import History, Report


def steps(path: Path) -> list[tuple[str, int, float]]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [(row["kind"], row["step"], row["metrics"]["loss"]) for row in rows]


def report(step: int, loss: float, kind: str = "step") -> Report:
    return Report(kind, step, step / 10, 40, {"loss": loss})


def test_rows_can_be_read_while_training_goes_on(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    history.add(report(1, 0.5))
    history.add(report(2, 0.25, "epoch"))
    assert steps(tmp_path / "history.jsonl") == [("step", 1, 0.5), ("epoch", 2, 0.25)]
    history.close()
    row = json.loads((tmp_path / "history.jsonl").read_text().splitlines()[1])
    assert set(row) == {"time", "step", "epoch", "kind", "metrics"}
    assert row["epoch"] == 0.2


def test_a_resumed_training_voids_what_came_after_its_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    first = History(path)
    for step in (1, 2, 3):
        first.add(report(step, step / 10))
    first.close()
    with path.open("ab") as file:
        file.write(b'[1]\n\xff\n{"step": [], "kind": 1}\n')  # what a disk may make of rows
        file.write(b'{"time": 1, "step": 4, "ep')  # what a kill leaves behind
    again = History(path)
    again.add(Report("resume", 2, 0.2, 40))
    again.add(report(3, 9.0))
    again.close()
    assert steps(path) == [("step", 1, 0.1), ("step", 2, 0.2), ("step", 3, 9.0)]


def test_a_training_that_begins_again_has_an_empty_history(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text('{"step": 5, "kind": "step", "metrics": {}}\n')
    history = History(path)
    history.add(Report("resume", 0, 0.0, 40))
    assert path.read_text() == ""
    history.add(report(1, 1.0))
    history.close()
    assert steps(path) == [("step", 1, 1.0)]
