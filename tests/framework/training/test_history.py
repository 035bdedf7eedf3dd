"""The history file in step with checkpoints."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from distil.framework.training.history import History, Meter, Report
from distil.framework.training.process_group import join_process_group


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


@pytest.fixture(autouse=True)
def _alone() -> None:
    join_process_group(0, 1)


def add(meter: Meter, rows: list[int], loss: float) -> None:
    terms = {"kl": torch.tensor(2 * loss), "hard_label": torch.tensor(0.0)}
    meter.add(torch.tensor(loss), terms, np.asarray([5, 7, 9])[np.asarray(rows, np.int64)])


def test_means_are_over_windows_and_start_anew_after_each_reading() -> None:
    meter = Meter(["kl", "hard_label"])
    add(meter, [0, 1], 3.0)
    add(meter, [2], 6.0)
    first = meter.read()
    assert [first[name] for name in ("loss", "loss/kl", "loss/hard_label")] == [3.0, 6.0, 0.0]
    assert first["tokens_per_second"] / first["windows_per_second"] == pytest.approx(21 / 3)
    add(meter, [1], 1.0)
    assert meter.read()["loss"] == 1.0
    assert meter.read_epoch() == {"loss": 10 / 4, "loss/kl": 20 / 4, "loss/hard_label": 0.0}


def test_an_epoch_ends_its_means() -> None:
    meter = Meter(["kl", "hard_label"])
    for loss in (8.0, 2.0):
        add(meter, [0], loss)
        meter.read()
        assert meter.read_epoch()["loss"] == loss


def test_a_micro_batch_that_does_not_count_weighs_nothing() -> None:
    meter = Meter(["kl", "hard_label"])
    add(meter, [0], 4.0)
    add(meter, [], 0.0)
    assert meter.read()["loss"] == 4.0


def test_a_resumed_meter_goes_on_where_the_checkpoint_was() -> None:
    whole, stopped, resumed = (Meter(["kl", "hard_label"]) for _ in range(3))
    for meter in (whole, stopped):
        add(meter, [0], 1.0)
        meter.read()
        add(meter, [1, 2], 5.0)
    resumed.resume(stopped.state())
    for meter in (whole, resumed):
        add(meter, [0], 2.0)
    assert resumed.read()["loss"] == whole.read()["loss"] == 7 / 3
    assert resumed.read_epoch() == whole.read_epoch()
