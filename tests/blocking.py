"""What a step of training does that would have to wait for a GPU: reading a number, or finding out how large a result is."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch.profiler import ProfilerActivity, profile

_WAITING = {
    "aten::_local_scalar_dense",  # item(), float(), bool() and the like
    "aten::nonzero",  # and boolean masks as indices
    "aten::masked_select",
    "aten::equal",
    "aten::_unique2",
    "aten::unique_dim",
    "aten::repeat_interleave",
}


@contextmanager
def blocking_reads() -> Iterator[list[str]]:
    """A list that, once the context has ended, names what happened in it that waits for a GPU."""
    found: list[str] = []
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        yield found
    found += [event.name for event in profiled.events() if event.name in _WAITING]
