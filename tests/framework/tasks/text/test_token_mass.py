"""What is read off logits in one pass, against its definition."""

import pytest
import torch

from distil.framework.tasks.text import token_mass as module
from distil.framework.tasks.text.token_mass import token_mass


def _plainly(logits: torch.Tensor, target: torch.Tensor, cell: torch.Tensor, cells: int) -> tuple[torch.Tensor, ...]:
    log_p = logits.log_softmax(-1)
    mass = torch.zeros(len(logits), cells, dtype=logits.dtype).index_add(1, cell, log_p.exp())
    return log_p.gather(1, target[:, None])[:, 0], mass


def _drawn(rows: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(rows)
    return 3 * torch.randn(rows, 50), torch.randint(50, (rows,)), torch.randint(7, (50,))


@pytest.mark.parametrize("rows", [1, 5, 40])
def test_values_and_gradients_are_those_of_the_definition(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In parts, too."""
    monkeypatch.setattr(module, "_ON_CPU", 50)
    logits, target, cell = _drawn(rows)
    weights = torch.randn(rows), torch.randn(rows, 7)
    gradients = []
    for read, kind in ((token_mass, torch.float32), (_plainly, torch.float64)):
        given = logits.clone().to(kind).requires_grad_()
        found = read(given, target, cell, 7)
        total = sum((one * weight).sum() for one, weight in zip(found, weights, strict=True))
        assert isinstance(total, torch.Tensor)
        total.backward()  # type: ignore[no-untyped-call]
        assert given.grad is not None
        gradients.append((*(one.detach().float() for one in found), given.grad.float()))
    for ours, plainly in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, plainly, rtol=1e-4, atol=1e-5)


def test_logits_in_half_precision_have_gradients_in_it() -> None:
    logits, target, cell = _drawn(20)
    given = logits.bfloat16().requires_grad_()
    log_p, mass = token_mass(given, target, cell, 7)
    (log_p.sum() + mass[:, 0].sum()).backward()  # type: ignore[no-untyped-call]
    assert (log_p.dtype, mass.dtype) == (torch.float32, torch.float32)
    assert given.grad is not None
    assert given.grad.dtype == torch.bfloat16
