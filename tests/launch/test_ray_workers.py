"""A worker that Ray asks for is forked with its own command line, environment, folder and output, or else started by Ray itself."""

import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from distil.framework.progress import SILENT
from distil.launch import ray_workers
from tests.forked import SERVER, Command

WORKER = """
import os, sys
print(sys.argv[1:], os.environ["TOLD"], os.environ.get("BESIDE"), os.getcwd(), "numpy" in sys.modules)
print("complaint", file=sys.stderr)
"""


def test_a_worker_is_forked_as_ray_asks_for_it_or_set_up_by_ray(tmp_path: Path) -> None:
    (tmp_path / "worker.py").write_text(WORKER)
    (tmp_path / "setup.py").write_text("print('set up by Ray')")

    def asked(address: str) -> subprocess.CompletedProcess[str]:
        context = '--serialized-runtime-env-context={"env_vars": {"TOLD": "of the worker"}}'
        command = [
            sys.executable,
            str(ray_workers.__file__),
            str(tmp_path / "worker.py"),
            "--one",
            context,
            "--language=0",
        ]
        ours = {"RAY_WORKERS_ARE_FORKED_BY": address, "RAY_WORKERS_SETUP": str(tmp_path / "setup.py"), "BESIDE": "it"}
        environment = {**os.environ, **ours}
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=120)

    with ray_workers.listening() as listener:
        process = SERVER.Process(target=ray_workers.serve, args=(listener, False, True), daemon=True)
        process.start()
        done = asked(listener.getsockname())
        process.kill()
        process.join()
    assert done.stdout.splitlines() == [f"['--one'] of the worker it {tmp_path} True"]
    assert done.stderr.splitlines() == ["complaint"]
    assert asked(str(tmp_path / "nobody")).stdout == "set up by Ray\n"


def test_no_workers_are_prepared_for_a_cluster_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.7:6379")
    with ray_workers.workers_ahead():
        assert not ray_workers._ahead


def _ask_two_clusters(found: "multiprocessing.Queue[Any]") -> None:
    with ray_workers.workers_ahead():
        from distil.launch.ray_cluster import ray_cluster

        for number in range(2):
            with ray_cluster(SILENT):
                import ray

                found.put(ray.get(ray.remote(lambda seen=number: (seen, os.getppid())).remote()))
                actors = [ray.remote(num_cpus=0)(_Draws).remote() for _ in range(2)]
                found.put(tuple(ray.get([actor.number.remote() for actor in actors])))
                found.put(os.environ["RAY_AUTH_TOKEN_PATH"])
                if number == 1:
                    time.sleep(600)


class _Draws:
    def number(self) -> tuple[str, float]:
        """What Ray draws in this worker, as for the names of objects that a thread puts, and NumPy."""
        import numpy as np
        import ray

        return ray.ActorClassID.from_random().hex(), np.random.random()


def test_each_cluster_of_a_command_has_workers_of_its_own_that_draw_numbers_of_their_own_and_may_be_lost() -> None:
    found: multiprocessing.Queue[Any] = SERVER.Queue()
    process = Command(_ask_two_clusters, (found,), dict(os.environ))
    (first, one), drawn, ended, (second, other), more, token = [found.get(timeout=300) for _ in range(6)]
    assert Path(token).exists()
    next(child for child in psutil.Process(process.pid).children() if child.name() == "raylet").kill()
    said = process.stdout.read()
    assert process.wait(timeout=120) == 1
    assert "distil: Ray was lost: its process raylet has been killed" in said
    assert "run the same command again" in said
    assert "Traceback" not in said
    assert not Path(ended).parent.exists()
    assert not Path(token).parent.exists()
    assert [first, second] == [0, 1]
    assert one != other
    for numbers in zip(*drawn, *more, strict=True):
        assert len(set(numbers)) == 4
