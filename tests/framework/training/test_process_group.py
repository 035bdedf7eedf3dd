"""How workers become a process group."""

from datetime import timedelta
from typing import Any

import pytest
import torch

from distil.framework.training import process_group


def test_workers_wait_for_each_other_as_long_as_they_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, Any] = {}
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: False)
    monkeypatch.setattr(torch.distributed, "init_process_group", lambda backend, **given: options.update(given))
    monkeypatch.setattr(process_group, "_meeting_place", lambda rank, world_size, patience: patience)
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.setenv(name, "0")
    patience = timedelta(hours=7)
    process_group.join_process_group(1, 2, patience)
    assert options == {"store": patience, "rank": 1, "world_size": 2, "timeout": patience}
