"""Tensors on their way."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from distil.framework.transfer import Coming, on_device
from tests.blocking import blocking_reads


@dataclass(frozen=True)
class _Inner:
    numbers: torch.Tensor
    by_name: dict[Any, torch.Tensor]
    absent: torch.Tensor | None = None


def test_every_tensor_is_brought_to_the_device() -> None:
    value = {"a": _Inner(torch.ones(2), {2.0: torch.ones(3)}), "b": torch.ones(1)}
    moved = on_device(value, torch.device("meta"))
    assert [moved["a"].numbers.device, moved["a"].by_name[2.0].device, moved["b"].device] == [torch.device("meta")] * 3
    assert moved["a"].absent is None


def test_what_comes_is_what_was_sent() -> None:
    tensor = torch.arange(6.0).reshape(2, 3)
    with blocking_reads() as waits:
        coming = Coming(tensor)
    assert not waits
    assert np.array_equal(coming.numpy(), tensor.numpy())
