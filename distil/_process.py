"""distil as a guest in somebody's process, which is afterwards as it was before."""

import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from distil.framework.errors import UserError

_ALONE = threading.Lock()


@contextmanager
def alone() -> Iterator[None]:
    """Around a call: calls of one process wait for each other, as they share its random numbers; those of Python and the variables of
    the environment are put back, which some libraries change when they are imported."""
    with _ALONE:
        before, state = dict(os.environ), random.getstate()
        try:
            yield
        finally:
            for name in os.environ.keys() - before.keys():
                del os.environ[name]
            os.environ.update(before)
            random.setstate(state)


@contextmanager
def as_guest() -> Iterator[None]:
    """Around a training, within `alone`: libraries' chatter, all random numbers and PyTorch's process group are put back.

    Raises UserError within a training that goes on in several processes.
    """
    from distil.launch.quiet import quiet_environment, quietly

    quiet_environment()
    import torch.distributed as dist

    from distil.framework.training.random_state import kept_random_state

    own_group = not (dist.is_available() and dist.is_initialized())
    if not own_group and dist.get_world_size() > 1:
        raise UserError(
            f"this process is one of {dist.get_world_size()} of a PyTorch process group; run distil outside, in one process: "
            "engine.workers says how many it begins itself"
        )
    try:
        with quietly(), kept_random_state():
            yield
    finally:
        if own_group and dist.is_initialized():
            dist.destroy_process_group()
