"""Python's garbage collector while modules are imported, of which nothing is garbage: looking for it takes a fifth of the time."""

import gc

_usual = gc.get_threshold()


def seldom() -> None:
    """Have it look seldom, while a command imports for seconds what it needs."""
    gc.set_threshold(100_000, *_usual[1:])


def as_usual() -> None:
    """Have it look as often as usual, but not at what is there now: what is imported stays, and every training has Python look."""
    gc.freeze()
    gc.set_threshold(*_usual)
