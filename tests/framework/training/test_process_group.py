"""How workers become a process group."""

import os
import socket
from concurrent.futures import ThreadPoolExecutor
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


@pytest.mark.parametrize("loopback", [("127.0.0.1",), ()])
def test_the_port_at_which_workers_meet_is_held_from_the_moment_that_it_is_told(
    loopback: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_group, "_LOOPBACK", loopback)
    told = process_group.meeting_address("127.0.0.1")
    os.environ.update(told)
    with socket.socket() as another:
        another.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError, match="in use"):
            another.bind(("127.0.0.1", int(told["MASTER_PORT"])))
    patience = timedelta(minutes=5)
    with ThreadPoolExecutor() as pool:
        late = pool.submit(process_group._meeting_place, 1, 2, patience)  # waits for worker 0, which is not there yet
        store = process_group._meeting_place(0, 2, patience)
        late.result().set("said", "so")
    assert store.get("said") == b"so"
