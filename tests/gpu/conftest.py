"""Tests of a GPU. GPU_TESTS=cpu runs them on a CPU, where they only show that they run."""

import os

import pytest
import torch

from tests.gpu.reference import Reference, reference
from tests.tape import TapeRecorder


@pytest.fixture(scope="session", autouse=True)
def _gpu() -> None:
    if not torch.cuda.is_available() and os.environ.get("GPU_TESTS") != "cpu":
        pytest.skip("there is no CUDA device")


@pytest.fixture(autouse=True)
def _tape(monkeypatch: pytest.MonkeyPatch) -> None:
    if not torch.cuda.is_available():
        monkeypatch.setattr("distil.framework.training.torch_engine.CudaRecorder", TapeRecorder)


@pytest.fixture(scope="session")
def known(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    return reference(tmp_path_factory.mktemp("reference"))
