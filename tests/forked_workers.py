"""Ray's workers in tests, forked from a process that has everything imported: of most workers in tests, that is the most.

one_job: whether a cluster has one job only; of several, each worker imports Ray itself.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from distil.launch.ray_workers import asked_at, listening, serve


@contextmanager
def forked_workers(one_job: bool = True) -> Iterator[None]:
    """Workers of clusters that this process begins are forked, by a process that ends with the context."""
    from tests.forked import SERVER

    with listening() as listener:
        process = SERVER.Process(target=serve, args=(listener, False, one_job), daemon=True)
        process.start()
        try:
            with _asked_at(listener.getsockname()):
                yield
        finally:
            process.kill()
            process.join()


@contextmanager
def workers_forked_here(one_job: bool = True) -> Iterator[None]:
    """Likewise, by a process that is forked from this one, which has not imported Ray yet, and ends with it."""
    with listening() as listener:
        if os.fork() == 0:
            serve(listener, as_here=False, one_job=one_job)
        with _asked_at(listener.getsockname()):
            yield


@contextmanager
def _asked_at(address: str) -> Iterator[None]:
    """Workers are as urgent as other processes: Ray would have them wait for those."""
    from distil.launch.quiet import be_quiet

    be_quiet()  # as distil does before it imports Ray
    os.environ |= {"RAY_worker_niceness": "0"}
    try:
        with asked_at(address):
            yield
    finally:
        os.environ.pop("RAY_worker_niceness", None)
