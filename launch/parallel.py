"""Processes that make stages of a run beside it: forked from it before it begins, and ended with it."""

import atexit
import ctypes
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from distil.framework.errors import RecipeError
from distil.framework.recipe.schema import Recipe


@contextmanager
def helpers(recipe: Recipe) -> Iterator[None]:
    """Have `engine.parallel` processes, this one among them, at the recipe's stages, which share out the cores.

    Before anything is computed and any thread begun, which would be missing in the others. What they make lies in the store, where
    this process finds it, and their locks say who is at what; what fails in one is met again by this process. Raises RecipeError
    where stages cannot be made so.
    """
    count = recipe.engine.parallel
    if count == 1:
        yield
        return
    import torch

    if torch.cuda.is_available():
        raise RecipeError(
            f"engine.parallel is {count}, which is for machines without GPUs, and here is one; set it to 1"
        )
    if recipe.signals.mode == "streamed":
        raise RecipeError(
            f"engine.parallel is {count}, and signals.mode 'streamed'; set it to 1, or the mode to 'precomputed'"
        )
    threads = recipe.engine.threads or max(1, len(os.sched_getaffinity(0)) // count)
    started = [_started(recipe, threads) for _ in range(count - 1)]
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        for process in started:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)  # as after any other end, checkpoints are there to go on from
            os.waitpid(process, 0)


def _started(recipe: Recipe, threads: int) -> int:
    """The number of a process that helps along."""
    process = os.fork()
    if process:
        return process
    try:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        atexit._clear()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # it ends with the run
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        _help(recipe, threads)
    finally:
        os._exit(0)


def _help(recipe: Recipe, threads: int) -> None:
    import torch

    from distil.framework.run import help_along

    torch.set_num_threads(threads)
    help_along(recipe)
