"""Running means of losses."""

import numpy as np
import pytest
import torch

from framework.training.meter import Meter
from framework.training.process_group import join_process_group


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
