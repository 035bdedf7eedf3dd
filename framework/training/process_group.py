"""How the workers of a training find each other, and become a process group."""

import os
import socket
from datetime import timedelta
from typing import Any

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_listening: dict[int, socket.socket] = {}  # by port: where this process is to meet others, as worker 0


def meeting_address(host: str) -> dict[str, str]:
    """Listen at a free port of this address of the machine, for the workers of the group that this process is to join as worker 0;
    returns what all of them need in their environment. The port is held until then, so that nobody else can get it."""
    listening = socket.create_server((host, 0), family=_family(host))
    port = int(listening.getsockname()[1])
    _listening[port] = listening
    return {"MASTER_ADDR": host, "MASTER_PORT": str(port)}


def join_process_group(rank: int, world_size: int, patience: timedelta = timedelta(hours=1)) -> None:
    """Join the group of all workers; a group that is there already is used as it is.

    A single worker needs no port. Several find each other by MASTER_ADDR and MASTER_PORT. patience: how long workers wait for
    each other at most.
    """
    import torch
    import torch.distributed as dist

    gpu = torch.cuda.is_available()
    backend = "nccl" if gpu else "gloo"
    os.environ.setdefault("LOCAL_RANK", "0")
    if gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    if not dist.is_initialized():
        os.environ["RANK"], os.environ["WORLD_SIZE"] = str(rank), str(world_size)
        store = _meeting_place(rank, world_size, patience)
        dist.init_process_group(backend, store=store, rank=rank, world_size=world_size, timeout=patience)


def _meeting_place(rank: int, world_size: int, patience: timedelta) -> Any:
    """The store by which a process group comes about, at MASTER_ADDR and MASTER_PORT where there are several workers.

    Worker 0 listens there already if it has said where (`meeting_address`). Workers of one machine are told its loopback address, and
    then listen at that alone; PyTorch's own store listens at all addresses, and Gloo at that of the machine's name. patience: how long
    they wait for each other at most.
    """
    from torch._C._distributed_c10d import HashStore, TCPStore

    if world_size == 1:
        _listen_at_loopback()
        return HashStore()
    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    listening = _listening.pop(port, None) if rank == 0 else None
    if host in _LOOPBACK:
        _listen_at_loopback()
        if rank == 0 and listening is None:
            listening = socket.create_server((host, port), family=_family(host))
    descriptor = None if listening is None else listening.detach()
    return TCPStore(host, port, world_size, rank == 0, patience, master_listen_fd=descriptor)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _listen_at_loopback() -> None:
    import psutil

    for name, addresses in psutil.net_if_addrs().items():
        if any(address.address in _LOOPBACK for address in addresses):
            os.environ["GLOO_SOCKET_IFNAME"] = name
            return
