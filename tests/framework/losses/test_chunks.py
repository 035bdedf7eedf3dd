"""Likelihoods of whole units, whatever τ is."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from distil.framework.losses.base import Target
from distil.framework.losses.chunks import Chunk

NATS = st.floats(1e-3, 12)


def _loss(teacher: float, student: float, tau: float) -> torch.Tensor:
    """Of a unit to which the teacher gives so many nats, and the student."""
    log_p = torch.tensor([-student], requires_grad=True)
    logits = torch.stack([torch.log(-torch.expm1(log_p)), log_p], -1)
    said = math.exp(-teacher)
    signal = torch.tensor([[1 - said, said]])
    target = Target(torch.ones(1, 2, dtype=torch.bool), torch.tensor([-1]), signal)
    (loss,) = Chunk(tau=tau)(logits, target)
    (gradient,) = torch.autograd.grad(loss, log_p)
    return torch.stack([loss.detach(), gradient[0]])


@given(NATS, NATS)
def test_with_tau_1_it_is_the_divergence_of_two_outcomes(teacher: float, student: float) -> None:
    p, q = math.exp(-teacher), math.exp(-student)
    expected = p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))
    assert float(_loss(teacher, student, 1.0)[0]) == pytest.approx(expected, abs=2e-5, rel=1e-3)


@given(NATS, NATS)
def test_a_large_tau_compares_nats(teacher: float, student: float) -> None:
    expected = teacher * math.log(teacher / student) - teacher + student
    loss, gradient = _loss(teacher, student, 1e4).tolist()
    assert loss == pytest.approx(expected, abs=0.02, rel=0.02)
    assert gradient == pytest.approx(teacher / student - 1, abs=0.02, rel=0.02)


@given(NATS, st.floats(1, 1e4))
def test_agreement_costs_nothing(nats: float, tau: float) -> None:
    assert _loss(nats, nats, tau).abs().max() <= 1e-3


@pytest.mark.parametrize("tau", [1.0, 100.0, 1e6])
def test_certain_and_impossible_units_have_finite_gradients(tau: float) -> None:
    for teacher in (0.0, 1e-9, 30.0, 200.0):
        for student in (1e-9, 30.0, 200.0):
            assert torch.isfinite(_loss(teacher, student, tau)).all()
