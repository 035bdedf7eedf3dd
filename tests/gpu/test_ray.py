"""A Ray worker, and a streaming teacher, each with the GPU to itself."""

from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from distil.framework.progress import SILENT
from distil.framework.signals.shards import as_stored
from distil.framework.store import Store
from distil.framework.teachers.base import Actor
from distil.launch.quiet import be_quiet
from tests.gpu.reference import Reference, ask, check_losses, divergences, losses_of, train

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="the extra `ray` is not installed")


@pytest.fixture(autouse=True)
def _quiet() -> None:
    be_quiet()


def test_a_worker_trains_as_the_cpu_does(known: Reference, tmp_path: Path) -> None:
    from distil.launch.ray_training import train_on_ray

    student = known.trained["student"]
    rows, _ = train(student.job, tmp_path, "fp32", partial(train_on_ray, progress=SILENT))
    check_losses(losses_of(rows), student.losses, "fp32")


def test_a_streaming_teacher_says_what_the_cpu_does(known: Reference, tmp_path: Path) -> None:
    import ray

    from distil.launch.ray_cluster import ray_cluster
    from distil.launch.remote import location_of, pack
    from distil.launch.streaming_actor import StreamingTeacher

    asked = known.asked["teacher"]
    folder = tmp_path / "signals/some"
    folder.mkdir(parents=True)
    takes = Actor(cpus=1.0, gpus=1.0 if torch.cuda.is_available() else 0.0)
    own, store = replace(asked.by, examples=(), folder=folder), Store(tmp_path)
    with ray_cluster(SILENT):
        actor = ray.remote(StreamingTeacher).options(num_cpus=1, num_gpus=takes.gpus)
        teacher = actor.remote(pack(own, store, [folder]), takes, location_of(store))
        found = ray.get(teacher.signals.remote(asked.by.examples))
        ray.kill(teacher)
    apart = divergences(as_stored(asked.signals, asked.by.settings.top_k), found)
    assert apart.mean() < 1e-3  # numbers are stored in half precision
    assert np.isfinite(apart).all()
    assert len(ask(asked.by, count=1).signals) == 1  # the device is free again
