"""What a step of training does that would have to wait for a GPU: reading a number, or finding out how large a result is."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch.profiler import ProfilerActivity, profile

_WAITING = {
    "aten::_local_scalar_dense",  # item(), float(), bool() and the like
    "aten::nonzero",  # and boolean masks as indices
    "aten::masked_select",
    "aten::equal",
    "aten::_unique2",
    "aten::unique_dim",
}
_ON_CPU = "aten::_fused_adamw_"  # counts steps on the CPU, where the weights are; a GPU's kernel reads its own


@contextmanager
def blocking_reads() -> Iterator[list[str]]:
    """A list that, once the context has ended, names what happened in it that waits for a GPU."""
    found: list[str] = []
    with profiled() as events:
        yield found
    found += blocking(events)


@contextmanager
def profiled() -> Iterator[list[Any]]:
    """A list that, once the context has ended, has what PyTorch's profiler saw in it: each operation, and those within it."""
    events: list[Any] = []
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        yield events
    events += profiler.events()


def blocking(events: list[Any]) -> list[str]:
    """The names of those of the profiler's events that wait for a GPU."""
    return [event.name for event in events if event.name in _WAITING and _ON_CPU not in _around(event)]


def _around(event: Any) -> Iterator[str]:
    while event is not None:
        yield event.name
        event = event.cpu_parent
