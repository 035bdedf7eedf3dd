"""Loss terms against their definitions."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from distil.framework.losses.base import Linear, Rows, total_loss, weight_at
from distil.framework.losses.logits import JSD, KL, HardLabel, MSELogits, ReverseKL
from distil.framework.tasks.span_qa.items import HeadTargets

SIGNAL_LOSSES: list[Any] = [KL(), ReverseKL(), JSD(), JSD(beta=0.2), MSELogits()]


def batch(seed: int, rows: int = 4, length: int = 9, scale: float = 2.0) -> tuple[torch.Tensor, HeadTargets]:
    """Student logits [B, 2, L] and targets whose signal is the softmax of random logits at every temperature."""
    random = torch.Generator().manual_seed(seed)
    mask = torch.rand(rows, length, generator=random) > 0.4
    mask[:, 0] = True
    teacher = (torch.randn(rows, 2, length, generator=random) * scale).masked_fill(~mask.unsqueeze(1), -torch.inf)
    signals = {temperature: (teacher / temperature).softmax(-1) for temperature in (1.0, 2.0)}
    position = torch.zeros(rows, 2, dtype=torch.long)
    student = torch.randn(rows, 2, length, generator=random) * scale
    return student, HeadTargets(mask, position, torch.ones(rows), signals)


def value(loss: Any, logits: torch.Tensor, targets: HeadTargets, progress: float = 0.0) -> torch.Tensor:
    return total_loss({"term": loss}, targets.rows(logits), progress)[0]


@pytest.mark.parametrize("loss", SIGNAL_LOSSES, ids=lambda loss: loss.kind)
@given(seed=st.integers(0, 200))
def test_a_student_that_agrees_costs_nothing_and_any_other_something(loss: Any, seed: int) -> None:
    student, targets = batch(seed)
    agreeing = (targets.signals[1.0].clamp_min(1e-30).log() + 5.0).requires_grad_()
    none = value(loss, agreeing, targets)
    assert float(none.detach()) == pytest.approx(0, abs=1e-4)
    (gradient,) = torch.autograd.grad(none, agreeing)
    assert gradient.abs().max() < 1e-3
    assert float(value(loss, student, targets)) > 0


@pytest.mark.parametrize("loss", [*SIGNAL_LOSSES, HardLabel()], ids=lambda loss: loss.kind)
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_gradients_are_finite_and_masked_positions_have_none(loss: Any, scale: float) -> None:
    student, targets = batch(1, scale=scale)
    student.requires_grad_()
    (gradient,) = torch.autograd.grad(value(loss, student, targets), student)
    assert torch.isfinite(gradient).all()
    assert (gradient.masked_select(~targets.mask.unsqueeze(1).expand_as(gradient)) == 0).all()


@given(st.integers(0, 100))
def test_kl_is_that_of_torch(seed: int) -> None:
    student, targets = batch(seed)
    masked = student.masked_fill(~targets.mask.unsqueeze(1), -1e30)
    expected = 4 * functional.kl_div((masked / 2).log_softmax(-1), targets.signals[2.0], reduction="sum") / 2
    assert float(value(KL(temperature=2.0), student, targets)) == pytest.approx(float(expected), rel=1e-5)


@given(st.integers(0, 100))
def test_hard_label_is_the_cross_entropy_of_torch_over_legal_positions(seed: int) -> None:
    student, targets = batch(seed)
    masked = student.masked_fill(~targets.mask.unsqueeze(1), -1e30)
    expected = functional.cross_entropy(masked.flatten(0, 1), targets.position.flatten(), reduction="sum") / 2
    assert float(value(HardLabel(), student, targets)) == pytest.approx(float(expected), rel=1e-5)


def test_unlabelled_rows_and_rows_that_fill_up_cost_nothing() -> None:
    student, targets = batch(3)
    unlabelled = HeadTargets(targets.mask, torch.full_like(targets.position, -1), targets.weight, targets.signals)
    assert float(value(HardLabel(), student, unlabelled)) == 0
    weightless = HeadTargets(targets.mask, targets.position, torch.tensor([1.0, 0, 0, 0]), targets.signals)
    one = HeadTargets(
        targets.mask[:1], targets.position[:1], torch.ones(1), {t: s[:1] for t, s in targets.signals.items()}
    )
    assert float(value(KL(), student, weightless)) == pytest.approx(float(value(KL(), student[:1], one)))


@given(st.integers(0, 100))
def test_jsd_is_symmetric_and_bounded(seed: int) -> None:
    student, targets = batch(seed)
    masked = student.masked_fill(~targets.mask.unsqueeze(1), -1e30)
    swapped = HeadTargets(targets.mask, targets.position, targets.weight, {1.0: masked.softmax(-1)})
    teacher = targets.signals[1.0].clamp_min(1e-30).log()
    forward = float(value(JSD(temperature=1.0), student, targets))
    assert forward == pytest.approx(float(value(JSD(temperature=1.0), teacher, swapped)), abs=1e-4)
    assert forward <= 4 * math.log(2)


@given(st.integers(0, 100), st.floats(-50, 50))
def test_squared_errors_ignore_a_constant(seed: int, constant: float) -> None:
    student, targets = batch(seed)
    moved = float(value(MSELogits(), student + constant, targets))
    assert moved == pytest.approx(float(value(MSELogits(), student, targets)), rel=1e-3)


def test_the_total_is_the_weighted_sum_and_weights_may_move() -> None:
    student, targets = batch(5)
    losses: dict[str, Any] = {"kl": KL(weight=0.3), "hard_label": HardLabel(weight=Linear(start=1.0, end=0.0))}
    total, terms = total_loss(losses, targets.rows(student), progress=0.25)
    assert float(total) == pytest.approx(0.3 * float(terms["kl"]) + 0.75 * float(terms["hard_label"]), rel=1e-6)
    assert [weight_at(Linear(start=1.0, end=3.0), at) for at in (0.0, 0.5, 1.0)] == [1.0, 2.0, 3.0]


@given(st.integers(0, 100), st.sampled_from([1.0, 2.0]), st.sampled_from([0.1, 0.5, 0.9]))
def test_divergences_are_their_definitions(seed: int, temperature: float, beta: float) -> None:
    student, targets = batch(seed)
    p = targets.signals[temperature].double()
    masked = student.double().masked_fill(~targets.mask.unsqueeze(1), -torch.inf)
    q = (masked / temperature).softmax(-1)
    mixture = beta * p + (1 - beta) * q

    def divergence(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return (one.xlogy(one) - one.xlogy(other)).sum()

    definitions = [
        (KL(temperature=temperature), divergence(p, q)),
        (ReverseKL(temperature=temperature, floor=1e-12), divergence(q, p)),
        (
            JSD(temperature=temperature, beta=beta),
            beta * divergence(p, mixture) + (1 - beta) * divergence(q, mixture),
        ),
    ]
    for loss, expected in definitions:
        found = value(loss, student, targets).item()
        assert found == pytest.approx(temperature**2 * expected.item() / 2, rel=1e-4, abs=1e-5)


@given(st.integers(0, 100))
def test_squared_errors_are_between_centred_logits_of_legal_positions(seed: int) -> None:
    student, targets = batch(seed)
    expected = 0.0
    for row, legal in enumerate(targets.mask):
        for head in range(2):
            s, t = student[row, head, legal], targets.signals[1.0][row, head, legal].clamp_min(1e-6).log()
            expected += (((s - s.mean()) - (t - t.mean())) ** 2).mean().item() / 2
    assert value(MSELogits(), student, targets).item() == pytest.approx(expected, rel=1e-4)


def test_the_loss_of_an_item_is_the_weighted_sum_of_its_rows() -> None:
    item = torch.tensor([0, 0, 2, 2, 2])
    weight = torch.tensor([0.5, 0.5, 1.0, 2.0, 0.0])
    rows = Rows(
        torch.zeros(5, 3), torch.ones(5, 3, dtype=torch.bool), torch.tensor([0, 1, 2, -1, 0]), weight, item, 4, {}
    )
    assert rows.of_items(torch.tensor([2.0, 4.0, 1.0, 10.0, math.pi])).tolist() == [3.0, 0.0, 21.0, 0.0]
    total, _ = total_loss({"hard_label": HardLabel(weight=2.0)}, rows, 0.0)
    assert total.item() == pytest.approx(2 * math.log(3) * (0.5 + 0.5 + 1.0))


@given(st.integers(0, 1000))
def test_rows_of_windows_are_their_heads(seed: int) -> None:
    student, targets = batch(seed)
    rows = targets.rows(student)
    assert rows.item.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    for at in range(8):
        window, head = divmod(at, 2)
        assert rows.label[at] == targets.position[window, head]
        assert torch.equal(rows.mask[at], targets.mask[window])
        assert torch.equal(rows.signals[2.0][at], targets.signals[2.0][window, head])
        assert torch.equal(rows.logits[at][rows.mask[at]], student[window, head][targets.mask[window]])
