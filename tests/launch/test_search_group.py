"""Waiting for the workers of a trial. A trial of two is in test_ray_training.py."""

import os
import subprocess
import sys

WAITING = """
import os, time
import ray
from distil.launch.search_group import watched

@ray.remote(num_cpus=0)
class Peer:
    def pid(self):
        return os.getpid()
    def work(self):
        time.sleep(60)

ray.init("local", num_cpus=1, include_dashboard=False, log_to_driver=False)
for notice, busy in ((60, 1.5), (0.1, 30)):
    peer = Peer.remote()
    pid = ray.get(peer.pid.remote())
    with watched([peer.work.remote()], notice):
        os.kill(pid, 9)
        time.sleep(busy)
    print("noticed", flush=True)
"""


def test_who_waits_for_a_worker_that_is_lost_gives_up_after_a_while() -> None:
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled"}
    found = subprocess.run(
        [sys.executable, "-c", WAITING], timeout=120, capture_output=True, text=True, env=environment
    )
    assert (found.returncode, found.stdout.count("noticed")) == (1, 1), found.stdout + found.stderr
