"""Trials of several workers: they equal runs of several workers, and outlive the loss of one."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.forked import start
from tests.listening import assert_for_this_machine_alone
from tests.processes import processes_of, ray_workers
from tests.searching import SEARCH, finish, recipe_file, search_of, wait_for
from tests.tiny import model_of

TEACHERLESS = {"teachers": None, "baselines": None, "losses": {"hard_label": {}}}


def test_a_trial_of_two_workers_equals_a_run_of_two(tmp_path: Path) -> None:
    space = {"student.lr": {"kind": "choice", "values": [1e-3, 2e-3]}}
    settings = {**SEARCH, "space": space, "searcher": {"kind": "random"}, "trials": 1}
    recipe = recipe_file(tmp_path, search=settings, engine__workers=2, engine__zero_stage=1, **TEACHERLESS)
    process = start("search", recipe)
    wait_for(process, 0, "1/5")
    assert_for_this_machine_alone(processes_of(process.pid), tmp_path)
    (peer,) = ray_workers("_Peer")
    peer.kill()
    output = finish(process)
    assert "Traceback" not in output
    folder, search = search_of(recipe)
    (trial,) = search["trials"]
    assert trial["state"] == "finished"
    assert [row["epoch"] for row in trial["epochs"]] == [1, 2, 3, 4, 5]

    finish(start("run", folder / "best.yaml", f"output={tmp_path / 'other'}"))
    (results,) = (tmp_path / "other").glob("found-*/results.json")
    student = model_of(json.loads(results.read_text()), "student")
    assert student["digest"] == trial["seeds"][0]["digest"]
    assert student["evaluation"]["f1"] == trial["metrics"]["f1"]


WAITING = """
import os, time
import ray
from launch.search_group import watched

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
