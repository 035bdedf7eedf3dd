"""Settings of all tests."""

import gc
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

from tests.databases import copy_from

# No test asserts how long anything takes, making examples included. They are the same each time, a quarter of hypothesis's hundred:
# who looks for others asks for `--hypothesis-profile searching`.
_SAME = settings(deadline=None, max_examples=25, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("distil", _SAME)
settings.register_profile("searching", _SAME, derandomize=False)
settings.load_profile("distil")

# Their files take minutes: three processes end at about the same time if these begin first.
_LONGEST = [
    "launch/test_cluster.py",
    "recipes/test_shipped_recipes.py",
    "framework/training/test_loop.py",
    "launch/test_search.py",
    "launch/test_streaming.py",
    "recipes/test_task_recipes.py",
    "launch/test_ray_training.py",
    "docs/test_python_doc.py",
    "docs/test_start_doc.py",
    "framework/training/test_live.py",
    "tracking/test_mlflow_sync.py",
    "launch/test_export.py",
    "framework/tasks/text/test_written.py",
    "launch/test_cli.py",
    "framework/export/test_forms.py",
    "launch/test_serve_entities.py",
    "tracking/test_logged_model.py",
    "framework/export/test_onnx_decoder.py",
    "framework/test_large_teachers.py",
    "tracking/test_live.py",
    "recipes/test_chat_recipe.py",
    "recipes/test_search_recipe.py",
    "launch/test_resume.py",
    "framework/recipe/test_recipe_fields.py",
    "launch/test_hostile_model.py",
    "launch/test_text.py",
    "launch/test_ray_workers.py",
    "launch/test_light.py",
    "launch/test_bad_input.py",
    "launch/test_parallel.py",
    "launch/test_search_group.py",
]

# No test sees the hub or what lies in the user's cache of it. Set before anything reads it.
_HOME = tempfile.TemporaryDirectory(prefix="hugging-face-")
os.environ |= {"HF_HOME": _HOME.name, "HF_HUB_OFFLINE": "1"}

_DATABASES = tempfile.TemporaryDirectory(prefix="mlflow-")
copy_from(Path(_DATABASES.name))


# What distil gives up after so many seconds, it does not for the tests' sake: no machine is too busy for them.
_GIVEN_UP_AFTER = {
    "distil.framework.stages.planned": "_SECONDS",
    "distil.launch.streaming": "_FLUSH_SECONDS",
    "distil.tracking.live": "_PATIENCE",
}

gc.disable()  # until all tests are imported, of which nothing is garbage


@contextmanager
def _as_any_other() -> Iterator[None]:
    """Random numbers are the same whatever ran before; and what is written into the environment in the context is gone afterwards, as MLflow,
    Ray and trainings leave word there."""
    torch.manual_seed(0)
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update({name: value for name, value in before.items() if os.environ.get(name) != value})


@pytest.fixture(autouse=True)
def _test_as_any_other() -> Iterator[None]:
    with _as_any_other():
        yield


@pytest.fixture(scope="module", autouse=True)
def _file_as_any_other() -> Iterator[None]:
    """With the file's fixtures."""
    with _as_any_other():
        yield


@pytest.fixture(scope="module", autouse=True)
def _imports_are_kept() -> None:
    """What is imported by now stays: the garbage collector, which every training calls, does not look at it any more."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {Path(__file__).parent / name: place for place, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """Commands are forked from a process that has imported what the tests have."""
    gc.enable()
    for name, seconds in _GIVEN_UP_AFTER.items():
        if module := sys.modules.get(name):
            assert getattr(module, seconds) < 300
            setattr(module, seconds, 300.0)
    if forked := sys.modules.get("tests.forked"):
        forked.begin_server()
