"""The learning rate's course, and how DeepSpeed is imported."""

import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import get_linear_schedule_with_warmup

from distil.framework.training.engine import rate_factor


@given(st.integers(1, 500), st.floats(0, 0.99))
def test_the_rate_rises_to_its_peak_and_falls_evenly_to_zero(total: int, share: float) -> None:
    warmup = round(share * total)
    rates = [rate_factor(step, total, warmup) for step in range(total + 1)]
    assert all(0 < rate <= 1 for rate in rates[:-1])
    assert rates[-1] == 0 or warmup == total
    peak = warmup if warmup < total else total - 1
    assert rates[peak] == pytest.approx(1)
    if warmup:
        assert rates[:warmup] == pytest.approx([(step + 1) / warmup for step in range(warmup)])
    assert rates[warmup:total] == pytest.approx([(total - step) / (total - warmup) for step in range(warmup, total)])


def test_without_warm_up_it_is_the_schedule_of_transformers() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = get_linear_schedule_with_warmup(optimizer, 0, 20)
    for step in range(20):
        assert rate_factor(step, 20, 0) == pytest.approx(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()


def test_deepspeed_comes_without_mlflow_and_leaves_it_to_those_who_want_it() -> None:
    code = (
        "import sys; from importlib.util import find_spec; from distil.framework.training.deepspeed_engine import import_deepspeed; "
        "import_deepspeed(); assert 'mlflow' not in sys.modules; assert find_spec('mlflow') is not None"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0
