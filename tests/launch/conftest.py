from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def _store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tracking") / "mlflow.db"


@pytest.fixture(scope="module", autouse=True)
def _one_store(_store: Path) -> Iterator[None]:
    """One MLflow store for all commands, as it takes seconds to create one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{_store}")
        yield
