"""Waiting for the workers of a trial. A trial of two is in test_ray_training.py."""

import os
import time

from tests.forked import Command
from tests.forked_workers import workers_forked_here


def _waits_for_lost_workers() -> None:
    """For one that is noticed otherwise in time, and for one that is not."""
    with workers_forked_here():
        import ray

        from distil.launch.search_group import watched

        class Peer:
            def pid(self) -> int:
                return os.getpid()

            def work(self) -> None:
                time.sleep(600)

        ray.init("local", num_cpus=1, include_dashboard=False, log_to_driver=False)
        for notice, busy in ((600, 1.5), (0.1, 600)):
            peer = ray.remote(num_cpus=0)(Peer).remote()
            pid = ray.get(peer.pid.remote())
            with watched([peer.work.remote()], notice):
                os.kill(pid, 9)
                time.sleep(busy)
            print("noticed", flush=True)


def test_who_waits_for_a_worker_that_is_lost_gives_up_after_a_while() -> None:
    process = Command(_waits_for_lost_workers, (), {**os.environ, "RAY_AUTH_MODE": "disabled"})
    said = process.stdout.read()
    assert (process.wait(timeout=120), said.count("noticed")) == (1, 1), said
    assert "another worker of this training is lost: The actor died" in said
