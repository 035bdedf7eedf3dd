"""Losses of the user's own that are at fault are named."""

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from distil.framework.errors import UserError
from distil.framework.losses.base import Rows, total_loss
from distil.framework.losses.logits import JSD, KL, MSELogits, ReverseKL
from distil.framework.plugins import place_in_own_code

SOURCE = """from typing import ClassVar, Literal
from distil.framework.config import Section
from distil.framework.losses.base import Weight

class Faulty(Section):
    kind: str = "faulty_losses:Faulty"
    weight: Weight = 1.0
    temperature: ClassVar[float] = 1.0
    source: ClassVar[Literal["labels"]] = "labels"

    def __call__(self, logits, target):
        return {}
"""
ROWS = Rows(
    logits=torch.zeros(3, 4, requires_grad=True),
    mask=torch.ones(3, 4, dtype=torch.bool),
    label=torch.tensor([0, 1, -1]),
    weight=torch.ones(3),
    item=torch.tensor([0, 0, 1]),
    items=2,
    signals={},
)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (
            "logits @ logits",
            r"losses\.mine: faulty_losses:Faulty fails in .*faulty_losses\.py:12: RuntimeError: .*; mend it",
        ),
        ("logits.sum(-1).mean()", r"losses\.mine returns a tensor of shape \[\], expected one loss for each of 3 rows"),
        (
            "logits",
            r"losses\.mine returns a tensor of shape \[3, 4\], expected .* shape \[3\]: put its `__call__` right",
        ),
        ("None", r"losses\.mine returns None, expected one loss"),
        ("logits.sum(-1).long()", r"losses\.mine returns torch\.int64, expected floating point numbers"),
    ],
)
def test_a_faulty_loss_is_named(returned: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "faulty_losses", raising=False)
    (tmp_path / "faulty_losses.py").write_text(SOURCE.format(returned), encoding="utf-8")
    importlib.invalidate_caches()
    faulty: Any = importlib.import_module("faulty_losses").Faulty()
    with pytest.raises(UserError, match=message):
        total_loss({"mine": faulty}, ROWS, 0.0)


def test_what_is_not_the_users_is_raised_as_it_is() -> None:
    class Broken:
        source, weight, temperature = "labels", 1.0, 1.0

        def __call__(self, logits: object, target: object) -> torch.Tensor:
            raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        total_loss({"mine": Broken()}, ROWS, 0.0)  # type: ignore[dict-item]


def test_an_error_comes_from_the_modules_that_it_went_through() -> None:
    with pytest.raises(RuntimeError) as caught:
        _ = torch.zeros(2) @ torch.zeros(3)
    assert str(place_in_own_code(caught.value, (__name__.partition(".")[0],))).startswith(__file__)
    assert place_in_own_code(caught.value, ("elsewhere",)) is None


@pytest.mark.parametrize("loss", [KL(), ReverseKL(), JSD(), MSELogits()], ids=lambda loss: loss.kind)
def test_a_row_of_which_no_teacher_says_anything_costs_nothing_and_teaches_nothing(loss: Any) -> None:
    logits = torch.tensor([[1.0, -2.0, 0.5, 0.0], [0.0, 1.0, 2.0, -1.0]])
    signal = torch.tensor([[0.0, 0.0, 0.0, 0.0], [0.5, 0.25, 0.125, 0.125]])

    def taught(rows: list[int]) -> tuple[float, torch.Tensor]:
        student = logits[rows].requires_grad_()
        count = len(rows)
        total, _ = total_loss(
            {"mine": loss},
            Rows(
                logits=student,
                mask=torch.ones(count, 4, dtype=torch.bool),
                label=torch.full((count,), -1),
                weight=torch.ones(count),
                item=torch.arange(count),
                items=count,
                signals={loss.temperature: signal[rows]},
            ),
            0.0,
        )
        total.backward()  # type: ignore[no-untyped-call]
        assert student.grad is not None
        return total.item(), student.grad

    both, gradient = taught([0, 1])
    alone, expected = taught([1])
    assert both == alone > 0
    assert torch.equal(gradient, torch.cat([torch.zeros(1, 4), expected]))
