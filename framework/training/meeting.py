"""How the workers of a training find each other."""

import os
import socket
from datetime import timedelta
from typing import Any

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def meeting_place(rank: int, world_size: int, patience: timedelta) -> Any:
    """The store by which a process group comes about, at MASTER_ADDR and MASTER_PORT where there are several workers.

    Workers of one machine are told its loopback address, and then listen at that alone; PyTorch's own store listens at all
    addresses, and Gloo at that of the machine's name. patience: how long they wait for each other at most.
    """
    from torch._C._distributed_c10d import HashStore, TCPStore

    if world_size == 1:
        _listen_at_loopback()
        return HashStore()
    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    listening = None
    if host in _LOOPBACK:
        _listen_at_loopback()
        if rank == 0:
            listening = socket.create_server((host, port), family=_family(host)).detach()
    return TCPStore(host, port, world_size, rank == 0, patience, master_listen_fd=listening)


def free_port(host: str) -> int:
    """A port at this address of the machine that nobody listens at."""
    with socket.socket(_family(host)) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _listen_at_loopback() -> None:
    import psutil

    for name, addresses in psutil.net_if_addrs().items():
        if any(address.address in _LOOPBACK for address in addresses):
            os.environ["GLOO_SOCKET_IFNAME"] = name
            return
