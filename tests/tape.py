"""What a CUDA graph does, on a CPU: operations are written down as PyTorch carries them out, and carried out again with the same tensors,
without a line of the code that asked for them.

As with a graph, nothing of a recording stays: weights, gradients and random numbers are afterwards as they were.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_Value = TypeVar("_Value")


class TapeRecorder:
    """See Recorder. usual, recordings: how often it did either."""

    def __init__(self) -> None:
        self.usual = self.recordings = 0

    def beside(self, work: Callable[[], _Value]) -> _Value:
        self.usual += 1
        return work()

    def record(self, work: Callable[[], _Value]) -> tuple[_Value, Callable[[], None]]:
        tape, random = _Tape(), torch.get_rng_state()
        with tape:
            value = work()
        tape.undo()
        torch.set_rng_state(random)
        self.recordings += 1
        return value, tape.play


class _Tape(TorchDispatchMode):
    """lines: operations with what they were given and what they gave."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[Any, Any, Any, Any]] = []
        self._made: set[int] = set()  # storages of its own
        self._before: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for argument, given in zip(func._schema.arguments, args, strict=False):
            if argument.alias_info is not None and argument.alias_info.is_write:
                for one in _tensors(given):
                    if _storage(one) not in self._made:
                        self._before.setdefault(id(one), (one, one.clone()))
        result = func(*args, **(kwargs or {}))
        known = {_storage(one) for one in _tensors((args, kwargs))}
        self._made |= {_storage(one) for one in _tensors(result)} - known
        self.lines.append((func, args, kwargs or {}, result))
        return result

    def undo(self) -> None:
        """Give what stood there before the recording back to tensors of others."""
        with torch.no_grad():
            for one, before in self._before.values():
                one.copy_(before)

    def play(self) -> None:
        """Do it all again. What shares its memory with what an operation is given has its numbers with that."""
        of_all = tuple({id(one): one for line in self.lines for one in _tensors(line)}.values())
        with (
            torch.no_grad(),
            torch.autograd._unsafe_preserve_version_counter(of_all),
        ):  # of a device autograd sees nothing
            for func, args, kwargs, result in self.lines:
                known = {_storage(one) for one in _tensors((args, kwargs))}
                for own, new in zip(_tensors(result), _tensors(func(*args, **kwargs)), strict=True):
                    if _storage(own) not in known:
                        own.copy_(new)


def _tensors(values: Any) -> list[torch.Tensor]:
    return [one for one in tree_leaves(values) if isinstance(one, torch.Tensor)]


def _storage(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
