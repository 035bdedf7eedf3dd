"""The state of all random numbers of a process."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


def random_state() -> dict[str, Any]:
    """The state now."""
    import torch

    gpu = torch.cuda.get_rng_state() if torch.cuda.is_available() else None
    return {"python": random.getstate(), "numpy": np.random.get_state(), "torch": torch.get_rng_state(), "cuda": gpu}


def set_random_state(state: dict[str, Any]) -> None:
    """Go back to a state."""
    import torch

    random.setstate(state["python"])
    np.random.set_state(state["numpy"])
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None:
        torch.cuda.set_rng_state(state["cuda"])


@contextmanager
def kept_random_state() -> Iterator[None]:
    """Leave no trace of the random numbers that are drawn inside the context."""
    before = random_state()
    try:
        yield
    finally:
        set_random_state(before)
