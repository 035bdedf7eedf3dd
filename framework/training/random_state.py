"""All random numbers of a process: begun from a seed, and their state."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


def seed_worker(seed: int, rank: int) -> None:
    """Random numbers differ between workers, so that each drops out other units."""
    import torch

    random.seed(seed + rank)
    np.random.seed(seed + rank)
    torch.manual_seed(seed + rank)


def random_state() -> dict[str, Any]:
    """The state now, as tensors and plain data."""
    import torch

    gpu = torch.cuda.get_rng_state() if torch.cuda.is_available() else None
    kind, keys, *rest = np.random.get_state()
    numpy = (kind, torch.from_numpy(np.asarray(keys, np.int64)), *rest)
    return {"python": random.getstate(), "numpy": numpy, "torch": torch.get_rng_state(), "cuda": gpu}


def set_random_state(state: dict[str, Any]) -> None:
    """Go back to a state."""
    import torch

    random.setstate(state["python"])
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])


@contextmanager
def kept_random_state() -> Iterator[None]:
    """Leave no trace of the random numbers that are drawn inside the context."""
    before = random_state()
    try:
        yield
    finally:
        set_random_state(before)
