"""Tensors on their way between the host and the device, neither of which waits for the other."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_Value = TypeVar("_Value")


def on_device(value: _Value, device: "torch.device") -> _Value:
    """A value whose tensors (in fields of dataclasses, in mappings) are on the CPU, with every one on `device`; a GPU fetches them while it
    computes."""
    if device.type == "cpu":
        return value
    moved: _Value = _moved(value, device)  # type: ignore[assignment]
    return moved


def _moved(value: object, device: "torch.device") -> object:
    import torch

    if isinstance(value, torch.Tensor):
        return (value.pin_memory() if device.type == "cuda" else value).to(device, non_blocking=True)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: _moved(getattr(value, field.name), device) for field in fields(value)})
    if isinstance(value, Mapping):
        return {name: _moved(inner, device) for name, inner in value.items()}
    return value


class Coming:
    """A float32 tensor that a device may not have computed yet, on its way to the host."""

    def __init__(self, tensor: "Tensor") -> None:
        """Does not wait for the tensor."""
        import torch

        self._host = tensor.to("cpu", non_blocking=True)  # from a GPU into memory that is pinned
        self._sent = torch.cuda.current_stream(tensor.device).record_event() if tensor.is_cuda else None

    def numpy(self) -> NDArray[np.float32]:
        """Its numbers, once they are there; any thread may wait for them. Raises what went wrong on the device."""
        if self._sent is not None:
            self._sent.synchronize()
        numbers: NDArray[np.float32] = self._host.numpy()
        return numbers
