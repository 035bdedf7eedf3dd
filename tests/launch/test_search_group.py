"""Waiting for the workers of a trial. A trial of two is in test_ray_training.py."""

import os
import socket
import time

from tests.forked import Command
from tests.forked_workers import workers_forked_here


def _waits_for_workers() -> None:
    """For one that fails, one whose loss is noticed otherwise in time, and one whose is not."""
    with workers_forked_here():
        import ray

        from distil.launch.ray_private import without_servants
        from distil.launch.search_group import watched

        class Peer:
            def pid(self) -> int:
                return os.getpid()

            def work(self) -> None:
                time.sleep(600)

            def fail(self, port: int) -> None:
                self.connection = socket.create_connection(("127.0.0.1", port))
                raise KeyError("colour")

        with without_servants():
            ray.init("local", num_cpus=1, include_dashboard=False, log_to_driver=False)
        peers = [ray.remote(num_cpus=0)(Peer).remote() for _ in range(3)]
        with socket.create_server(("127.0.0.1", 0)) as server:
            answer = peers[0].fail.remote(server.getsockname()[1])
            with watched({answer: peers[0]}, 600):
                print("broken" if server.accept()[0].recv(1) == b"" else "alive", flush=True)
        for peer, notice, busy in ((peers[1], 600, 1.5), (peers[2], 0.1, 600)):
            pid = ray.get(peer.pid.remote())
            with watched({peer.work.remote(): peer}, notice):
                os.kill(pid, 9)
                time.sleep(busy)
            print("noticed", flush=True)


def test_who_waits_for_a_worker_hears_of_its_failure_and_gives_up_where_it_does_not_hear_of_its_loss() -> None:
    process = Command(_waits_for_workers, (), {**os.environ, "RAY_AUTH_MODE": "disabled"})
    said = process.stdout.read()
    assert (process.wait(timeout=120), said.count("broken"), said.count("noticed")) == (1, 1, 1), said
    assert "another worker of this training is lost: The actor died" in said
