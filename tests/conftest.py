"""Settings of all tests."""

import gc
import os
import tempfile

import pytest
from hypothesis import settings

# No test asserts how long anything takes. Other examples are tried each time: half of hypothesis's hundred do.
settings.register_profile("distil", deadline=None, max_examples=50)
settings.load_profile("distil")

# No test sees the hub or what lies in the user's cache of it. Set before anything reads it.
_HOME = tempfile.TemporaryDirectory(prefix="hugging-face-")
os.environ |= {"HF_HOME": _HOME.name, "HF_HUB_OFFLINE": "1"}


@pytest.fixture(scope="module", autouse=True)
def _imports_are_kept() -> None:
    """What is imported by now stays: the garbage collector, which every training calls, does not look at it any more."""
    gc.collect()
    gc.freeze()
