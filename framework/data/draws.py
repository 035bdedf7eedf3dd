"""Draws from a random generator that are the same on every machine and in every Python.

Python promises that of `Random.random()` alone, not of choice, sample or shuffle.
"""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


def pick(rng: Random, items: Sequence[T]) -> T:
    """One of the items."""
    return items[int(rng.random() * len(items))]


def pick_several(rng: Random, items: Sequence[T], count: int) -> list[T]:
    """`count` different items (by position) in random order."""
    pool = list(items)
    for i in range(count):
        j = i + int(rng.random() * (len(pool) - i))
        pool[i], pool[j] = pool[j], pool[i]
    return pool[:count]


def chance(rng: Random, probability: float) -> bool:
    """True with the given probability."""
    return rng.random() < probability
