"""Folds for out-of-fold signals: all examples of one group, such as questions about one context, are in the same fold."""

import hashlib

from framework.data.example import Example


def fold_of(example: Example, folds: int) -> int:
    """The fold of an example, known from its group alone, so that every split and run agrees on it."""
    digest = hashlib.blake2b(example.group.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") % folds
